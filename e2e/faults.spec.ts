/**
 * Faults at named points of fetching and storing. Each ends in the tokens of the undisturbed model, and no byte is
 * fetched again except those that the fault destroyed. (The network's own misbehaviour: servers.spec.ts.)
 */
import type { Page } from "@playwright/test";
import { expect, test } from "./servers/fixtures.ts";
import type { ModelRequest, ModelServer } from "./servers/model-server.ts";
import { openSession } from "./servers/session.ts";
import { choosePayloads, flipBit, storedWeightBytes } from "./servers/store-damage.ts";

/** Requests that bring the header of these models. */
const HEADER_REQUESTS = 1;

const quiet = { backend: "wasm", store: "indexeddb", completeInBackground: false } as const;
const completing = { ...quiet, completeInBackground: true } as const;

const sentIn = (requests: readonly ModelRequest[]): number =>
  requests.reduce((sum, { sent: { start, end } }) => sum + end - start, 0);

/** Bytes that were sent more often than once. */
function sentAgain(requests: readonly ModelRequest[]): number {
  let again = 0;
  let reached = 0;
  for (const { start, end } of requests.map(({ sent }) => sent).sort((a, b) => a.start - b.start)) {
    again += Math.max(0, Math.min(end, reached) - start);
    reached = Math.max(reached, end);
  }
  return again;
}

const requested = async (server: ModelServer, count: number): Promise<void> => {
  while (server.requests.length < count) await new Promise((wake) => setTimeout(wake, 5));
};

const urlOf = (server: ModelServer): string => `${server.url}m.gguf`;

test.beforeEach(async ({ page, site, server }) => {
  server.reset();
  await page.goto(site);
});

test("nothing goes wrong, and no byte is fetched twice", async ({ page, server, models }) => {
  const session = await openSession(page, urlOf(server), completing);
  expect(await session.write("first")).toEqual(models.good.tokens.first);
  await session.stored();
  expect(sentAgain(server.requests)).toBe(0);
  expect(["indexeddb", "opfs"]).toContain((await session.stats()).storedIn);
});

test("a connection drops inside a part", async ({ page, server, models }) => {
  const drop = 100_000;
  let dropped = 0;
  server.reset(({ index }) => {
    if (index < HEADER_REQUESTS || index % 3 !== 0) return undefined;
    dropped++;
    return { breakAfter: drop };
  });
  const session = await openSession(page, urlOf(server), quiet);
  expect(await session.write("first")).toEqual(models.good.tokens.first);
  expect(dropped).toBeGreaterThan(0);
  expect(sentAgain(server.requests)).toBeLessThanOrEqual(dropped * drop);
});

test("the server answers 503 for ten seconds", async ({ page, server, models }) => {
  const session = await openSession(page, urlOf(server), quiet);
  let since: number | undefined;
  const before = server.requests.slice();
  server.reset(() => {
    since ??= performance.now();
    return performance.now() - since < 10_000 ? { status: 503 } : undefined;
  });
  expect(await session.write("first")).toEqual(models.good.tokens.first);
  expect(sentAgain([...before, ...server.requests])).toBe(0);
});

for (const payloads of ["indexeddb", "opfs"] as const) {
  test(`one bit of a stored part flips (${payloads})`, async ({ page, server, models }) => {
    await choosePayloads(page, payloads);
    const first = await openSession(page, urlOf(server), completing);
    await first.stored();
    expect((await first.stats()).storedIn).toBe(payloads);
    await first.dispose();
    const destroyed = await flipBit(page);
    server.reset();
    const again = await openSession(page, urlOf(server), quiet);
    // Between them these need every expert of the first layer, and so the damaged one.
    expect(await again.write("first")).toEqual(models.good.tokens.first);
    expect(await again.write("second")).toEqual(models.good.tokens.second);
    expect((await again.stats()).healedParts).toBe(1);
    expect(sentIn(server.requests)).toBe(destroyed);
  });

  test(`the store is deleted behind the engine's back (${payloads})`, async ({
    page,
    site,
    server,
    models,
  }) => {
    await choosePayloads(page, payloads);
    const session = await openSession(page, urlOf(server), {
      ...completing,
      hostBudget: 0,
      expertBudget: "min",
    });
    await session.stored();
    const devtools = await page.context().newCDPSession(page);
    const storageTypes = "indexeddb,file_systems";
    await devtools.send("Storage.clearDataForOrigin", { origin: new URL(site).origin, storageTypes });
    server.reset();
    expect(await session.write("first")).toEqual(models.good.tokens.first);
    expect(server.requests.length).toBeGreaterThan(0);
    expect(sentAgain(server.requests)).toBe(0);
    expect((await session.stats()).storeFailures).toBe(0);
  });

  test(`the worker is killed during a write, and the page is loaded again (${payloads})`, async ({
    page,
    server,
    models,
  }) => {
    await choosePayloads(page, payloads);
    const first = await openSession(page, urlOf(server), completing);
    const before = server.requests.slice();
    server.reset(({ index }) => ({ delay: 50 * index }));
    void first.write("first").catch(() => undefined);
    await requested(server, 3);
    await expect.poll(() => storedWeightBytes(page), { intervals: [5] }).toBeGreaterThan(0);
    await page.reload();
    const kept = await storedWeightBytes(page);
    before.push(...server.requests);
    server.reset();
    const again = await openSession(page, urlOf(server), completing);
    expect(await again.write("first")).toEqual(models.good.tokens.first);
    await again.stored();
    // What had been sent and was not in the store yet went down with the worker; the header was.
    expect(sentAgain([...before, ...server.requests])).toBeLessThanOrEqual(sentIn(before) - kept);
    expect(server.requests.every(({ sent }) => sent.start > 0)).toBe(true);
    expect((await again.stats()).healedParts).toBe(0);
  });
}

test("writing to IndexedDB fails with QuotaExceededError", async ({ page, server, models }) => {
  await page.evaluate(() => {
    globalThis.Worker = class extends Worker {
      constructor(_engine: string | URL, options?: WorkerOptions) {
        super("worker-with-full-store.js", options);
      }
    };
  });
  await choosePayloads(page, "indexeddb");
  const session = await openSession(page, urlOf(server), { ...quiet, hostBudget: 0, expertBudget: "min" });
  for (const prompt of ["first", "second", "first"] as const)
    expect(await session.write(prompt)).toEqual(models.good.tokens[prompt]);
  expect((await session.stats()).storeFailures).toBe(1);
  expect(sentAgain(server.requests)).toBe(0);
});

test.describe("Two tabs", () => {
  const openSecond = async (page: Page, site: string): Promise<Page> => {
    const second = await page.context().newPage();
    await second.goto(site);
    return second;
  };

  test("race for the same model", async ({ page, site, server, models }) => {
    const pages = [page, await openSecond(page, site)];
    server.reset(() => ({ delay: 30 }));
    const said = await Promise.all(
      pages.map(async (tab) => {
        const session = await openSession(tab, urlOf(server), completing);
        const tokens = await session.write("first");
        await session.stored();
        return { tokens, networkBytes: (await session.stats()).networkBytes };
      }),
    );
    expect(said.map(({ tokens }) => tokens)).toEqual([models.good.tokens.first, models.good.tokens.first]);
    expect(sentAgain(server.requests)).toBe(0);
    // One fetched, the other read.
    expect(said.filter(({ networkBytes }) => networkBytes === 0)).toHaveLength(1);
  });

  test("go on when the one that fetches is closed", async ({ page, site, server, models }) => {
    const leader = await openSecond(page, site);
    await openSession(leader, urlOf(server), quiet);
    const session = await openSession(page, urlOf(server), quiet);
    const loaded = server.requests.slice();
    server.reset(() => ({ silent: true }));
    const tokens = session.write("first");
    await requested(server, 1);
    server.reset();
    await leader.close();
    expect(await tokens).toEqual(models.good.tokens.first);
    const { networkBytes } = await session.stats();
    expect(networkBytes).toBeGreaterThan(0);
    // A tab that is closing may still send requests; all that the other one fetched was new.
    const all = [...loaded, ...server.requests];
    expect(sentIn(all) - sentAgain(all)).toBeGreaterThanOrEqual(sentIn(loaded) + networkBytes);
  });
});
