// @ts-check
/** What must hold exactly in a soak, whatever the levels do. */

/** @typedef {{ name: string, passed: boolean, detail: string }} Check */

/** What a soak that exercised nothing would lack. */
const USES = ["tokens", "turns", "conversations", "stops", "loops left early", "traces", "trace bytes"];

/** @param {import("./soak.mjs").Course} course @returns {Check[]} */
export function exactChecks({ looks, models, done, mismatches }) {
  /** @param {string} name @param {boolean} passed @param {string} detail @returns {Check} */
  const check = (name, passed, detail) => ({ name, passed, detail });
  /** @param {(stats: import("../../src/api/info.ts").Stats) => number} of */
  const sum = (of) => models.reduce((total, { stats }) => total + of(stats), 0);
  const most = (/** @type {readonly number[]} */ values) => Math.max(0, ...values);

  const budget = Math.min(...models.map(({ info }) => info.expertBudget));
  const peak = most([
    ...looks.flatMap((look) => [look.slotBytes, look.peakExpertBytes]),
    ...models.map(({ stats }) => stats.peakExpertBytes),
  ]);
  const openTransactions = most(looks.map((look) => look.openTransactions));
  const pendingFetches = most(looks.map((look) => look.pendingFetches));
  const workers = looks.map((look) => look.workers);
  const left = most(models.map(({ workersLeft }) => workersLeft));
  const [host, store, evictions] = [
    sum(({ hostHits }) => hostHits),
    sum(({ hostMisses }) => hostMisses),
    sum((stats) => stats.evictions),
  ];
  const fetchedAgain = models.slice(1).reduce((total, { stats }) => total + stats.networkBytes, 0);
  const failures = [
    sum(({ storeFailures }) => storeFailures),
    sum(({ healedParts }) => healedParts),
    sum(({ deviceLosses }) => deviceLosses),
  ];
  const undone = USES.filter((use) => !done[use]);

  return [
    check(
      "expert bytes on the device, staging included, never above the budget",
      peak <= budget,
      `${peak} of ${budget}`,
    ),
    check(
      "no IndexedDB transaction open at a quiet point",
      openTransactions === 0,
      `at most ${openTransactions}`,
    ),
    check("no fetch pending at a quiet point", pendingFetches === 0, `at most ${pendingFetches}`),
    check(
      "as many workers at every quiet point",
      new Set(workers).size === 1,
      [...new Set(workers)].join(", "),
    ),
    check("no worker left of a model that was disposed of", left === 0, `at most ${left}`),
    check(
      "the repeated prompt gives the same tokens every time",
      mismatches === 0,
      `${mismatches} times others`,
    ),
    check("no expert fetched again by a later model", fetchedAgain === 0, `${fetchedAgain} bytes`),
    check(
      "misses served by host tier and store, experts evicted",
      host > 0 && store > 0 && evictions > 0,
      `${host}, ${store}, ${evictions}`,
    ),
    check(
      "store failures, healed parts, lost devices: none",
      failures.every((count) => count === 0),
      failures.join(", "),
    ),
    check("every kind of use took place", undone.length === 0, undone.join(", ") || "all"),
  ];
}
