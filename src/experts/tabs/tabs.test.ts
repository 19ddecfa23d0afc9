import { beforeAll, describe, expect, test } from "vitest";
import { loadCore } from "../../wasm/core.testing.ts";
import type { Core } from "../../wasm/core.ts";
import {
  type FakeServer,
  fakeServer,
  gate,
  MODEL_URL,
  type ModelFixture,
  modelFixture,
} from "../fixtures.testing.ts";
import { openModel } from "../identity.ts";
import { bytesOf, demand, HEADER_BYTES } from "../library.testing.ts";
import { type Library, openLibrary } from "../library.ts";
import { createMemoryStore } from "../store/memory.ts";
import type { PartStore } from "../store/store.ts";
import { type FakeTab, fakeSite } from "./fixtures.testing.ts";
import { joinTabs } from "./group.ts";
import { holdModel, whileUnused } from "./locks.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

interface Shared {
  readonly fixture: ModelFixture;
  readonly server: FakeServer;
  readonly store: PartStore;
  openTab(): FakeTab;
}

const share = (): Shared => {
  const fixture = modelFixture({ headerBytes: HEADER_BYTES, gap: 70_000 });
  return { fixture, server: fakeServer(fixture.bytes), store: createMemoryStore(), ...fakeSite() };
};

async function visit({ fixture, server, store }: Shared, { links }: FakeTab): Promise<Library> {
  const own = { ...store, links };
  const model = await openModel(MODEL_URL, { ...server, store: own, core });
  await model.files[0]!.read(0, fixture.headerBytes);
  const { directory } = fixture;
  return openLibrary({ model, directory, store: own, core, hostBudget: 0, name: "moe" });
}

const fetched = ({ server }: Shared): string[] => server.requests.map(({ range }) => String(range));

async function readTrunk(library: Library): Promise<number> {
  let bytes = 0;
  for await (const { rows } of library.trunk()) bytes += rows.bytes.length;
  return bytes;
}

describe("two tabs", () => {
  test("that open a model at once fetch its header, trunk and experts once", async () => {
    const given = share();
    const tabs = [given.openTab(), given.openTab()];
    const [first, second] = (await Promise.all(tabs.map((tab) => visit(given, tab)))) as [Library, Library];
    expect(await Promise.all([readTrunk(first), readTrunk(second)])).toEqual([2080, 2080]);
    const records = await Promise.all([first, second].map((library) => library.record(1, 2, demand)));
    expect(bytesOf(records[0]!)).toEqual(bytesOf(records[1]!));
    // In one tab what the other has not asked for, either way round.
    await first.record(0, 0, demand);
    await second.record(0, 0, demand);
    await second.record(0, 1, demand);
    await first.record(0, 1, demand);
    expect(new Set(fetched(given)).size).toBe(given.server.requests.length);
    expect(second.counters()).toMatchObject({ networkBytes: 0, storeFailures: 0, healedParts: 0 });
    await Promise.all([first.complete(), second.complete()]);
    for (const library of [first, second]) {
      const { storedBytes, storableBytes } = library.counters();
      expect(storedBytes).toBe(storableBytes);
    }
    expect(second.counters().networkBytes).toBe(0);
    expect(new Set(fetched(given)).size).toBe(given.server.requests.length);
  });

  test("hand over when the leader crashes in mid-fetch or closes, and nothing stored is fetched again", async () => {
    for (const end of ["crash", "close"] as const) {
      const given = share();
      const [leading, following] = [given.openTab(), given.openTab()];
      const first = await visit(given, leading);
      const second = await visit(given, following);
      await readTrunk(second);
      await first.flush();
      const { opened, open } = gate();
      given.server.intercept = () => opened;
      const before = given.server.requests.length;
      const own = first.record(0, 0, demand).catch(() => undefined);
      const record = second.record(0, 0, demand);
      while (given.server.requests.length < before + 3) await new Promise((wake) => setTimeout(wake));
      given.server.intercept = () => undefined;
      if (end === "crash") leading.crash();
      else await first.close();
      const { directory, bytes } = given.fixture;
      const { spec, offset } = directory.record(0, 0)!.matrices.gate;
      expect(bytesOf(await record).slice(0, spec.rows * spec.cols * 4)).toEqual([
        ...bytes.subarray(offset, offset + spec.rows * spec.cols * 4),
      ]);
      // The three ranges that the leader did not bring home, and nothing else.
      expect(given.server.requests.length - new Set(fetched(given)).size).toBe(3);
      open();
      await own;
      await readTrunk(second);
      expect(given.server.requests).toHaveLength(before + 6);
    }
  });

  test("whose leader sleeps are led by the other, and it follows when it wakes", async () => {
    const site = fakeSite();
    const [first, second] = [site.openTab(), site.openTab()];
    const served: string[] = [];
    const duties = (name: string) => ({
      async serve(keys: readonly string[]) {
        served.push(`${name}: ${keys}`);
        return keys;
      },
      urgencyChanged: () => undefined,
      onStored: () => undefined,
      onLead: async () => undefined,
    });
    const join = (tab: FakeTab, name: string) => joinTabs(tab.links, "m", duties(name), { answerMs: 30 });
    const sleeper = await join(first, "sleeper");
    const other = await join(second, "other");
    expect([sleeper.leads, other.leads]).toEqual([true, false]);
    const { signal } = new AbortController();
    await other.ask(["a"], { demand: true }, signal);
    first.asleep = true;
    await other.ask(["b"], { demand: true }, signal);
    expect([sleeper.leads, other.leads]).toEqual([false, true]);
    first.asleep = false;
    await sleeper.ask(["c"], { demand: true }, signal);
    expect(served).toEqual(["sleeper: a", "other: c"]);
    other.leave();
    sleeper.leave();
  });

  test("of which one can store nothing do without each other", async () => {
    const given = share();
    const full = {
      ...given,
      store: { ...given.store, putParts: async () => Promise.reject(new Error("full")) },
    };
    const first = await visit(full, given.openTab());
    await readTrunk(first);
    const second = await visit(given, given.openTab());
    await second.record(0, 0, demand);
    await first.record(0, 0, demand);
    expect(first.counters().storeFailures).toBe(1);
    expect(second.counters()).toMatchObject({ storeFailures: 0, healedParts: 0 });
  });
});

test("a part that one tab finds damaged is fetched again by the one that leads", async () => {
  const given = share();
  const first = await visit(given, given.openTab());
  await first.complete();
  const second = await visit(given, given.openTab());
  const keys = (await given.store.partKeys("")).filter((key) => key.includes("/expert/1/1/"));
  const [part] = await given.store.getParts(keys);
  await given.store.putParts([[keys[0]!, { ...part!, bytes: part!.bytes.map((byte) => byte ^ 1) }]]);
  const before = given.server.requests.length;
  expect(bytesOf(await second.record(1, 1, demand))).toEqual(bytesOf(await first.record(1, 1, demand)));
  expect(second.counters()).toMatchObject({ healedParts: 1, networkBytes: 0 });
  expect(given.server.requests.length - before).toBe(1);
});

test("a model may be deleted only while no tab uses it, and a tab that opens it waits", async () => {
  const site = fakeSite();
  const [user, cleaner] = [site.openTab().links, site.openTab().links];
  const log: string[] = [];
  const removal = async (): Promise<void> => void log.push("deleted");
  const release = await holdModel(user, "m");
  expect(await whileUnused(cleaner, "m", removal)).toBe(false);
  release?.();
  await new Promise((wake) => setTimeout(wake));
  const { opened, open } = gate();
  const deletion = whileUnused(cleaner, "m", async () => {
    await opened;
    await removal();
  });
  const use = holdModel(user, "m").then(() => log.push("used"));
  open();
  expect(await deletion).toBe(true);
  await use;
  expect(log).toEqual(["deleted", "used"]);
  expect(await whileUnused(undefined, "m", removal)).toBe(false);
});
