/** What the library does when a file is not the one that it was, or is not sure to be. */
import { beforeAll, describe, expect, test } from "vitest";
import { loadCore } from "../wasm/core.testing.ts";
import type { Core } from "../wasm/core.ts";
import { bytesOf, demand, expected, setUp, type Visit, visit } from "./library.testing.ts";
import type { Library } from "./library.ts";
import { fakeSite } from "./tabs/fixtures.testing.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

describe("a file that gets another ETag in mid-session", () => {
  async function underway(): Promise<Visit & { library: Library }> {
    const given = setUp(core);
    const library = await visit(given);
    await library.record(0, 0, demand);
    given.server.etag = '"two"';
    return { ...given, library };
  }

  test("is read on if its header and sampled parts are the same, and is known by the new one", async () => {
    const { library, fixture, store } = await underway();
    const records = await Promise.all([1, 2, 3].map((expert) => library.record(1, expert, demand)));
    records.forEach((record, i) => {
      expect(bytesOf(record)).toEqual(expected(fixture, 1, i + 1));
    });
    await library.flush();
    expect(await store.models()).toMatchObject([{ validators: ['"two"'] }]);
  });

  test("is source-changed if a part is another, and what is stored is not used again", async () => {
    const { library, ...given } = await underway();
    const changed = given.fixture.bytes.slice();
    changed[given.fixture.directory.record(0, 0)!.matrices.up.offset]! ^= 1;
    given.server.bytes = changed;
    await expect(library.record(1, 0, demand)).rejects.toMatchObject({ code: "source-changed" });
    await library.close();
    const next = await visit(given);
    const fixture = { ...given.fixture, bytes: changed };
    expect(bytesOf(await next.record(0, 0, demand))).toEqual(expected(fixture, 0, 0));
  });

  test("is source-changed while there is no part to compare", async () => {
    const given = setUp(core);
    const library = await visit(given);
    given.server.etag = '"two"';
    await expect(library.record(0, 0, demand)).rejects.toMatchObject({ code: "source-changed" });
  });
});

describe("a stored model that is not complete", () => {
  async function interrupted(): Promise<Visit> {
    const given = setUp(core);
    const library = await visit(given);
    await library.record(0, 0, demand);
    await library.close();
    given.server.requests.length = 0;
    return given;
  }

  test("asks the network first when a part is missing, and goes on where it was", async () => {
    const given = await interrupted();
    const library = await visit(given);
    await library.record(0, 0, demand);
    expect(given.server.requests).toHaveLength(0);
    await library.complete();
    expect(library.counters().storedBytes).toBe(library.counters().storableBytes);
    expect(await given.store.models()).toHaveLength(1);
  });

  test("adopts a new validator if header and sampled parts are the same", async () => {
    const given = await interrupted();
    given.server.etag = '"two"';
    const library = await visit(given);
    expect(bytesOf(await library.record(1, 0, demand))).toEqual(expected(given.fixture, 1, 0));
    await library.flush();
    expect(await given.store.models()).toMatchObject([{ validators: ['"two"'] }]);
  });

  test.each([
    ["header", 100],
    ["part", undefined],
  ])(
    "gives source-changed if its %s has changed, and loads afresh under another key",
    async (_what, place) => {
      const given = await interrupted();
      const changed = given.fixture.bytes.slice();
      changed[place ?? given.fixture.directory.record(0, 0)!.matrices.up.offset]! ^= 1;
      Object.assign(given.server, { bytes: changed, etag: '"two"' });
      const library = await visit(given);
      await expect(library.record(1, 0, demand)).rejects.toMatchObject({ code: "source-changed" });
      const afresh = await visit({ ...given, fresh: true });
      const fixture = { ...given.fixture, bytes: changed };
      expect(bytesOf(await afresh.record(0, 0, demand))).toEqual(expected(fixture, 0, 0));
      expect(await given.store.models()).toHaveLength(2);
      await afresh.complete();
      expect(await given.store.models()).toMatchObject([{ validators: ['"two"'] }]);
    },
  );

  test("without any validator is compared too, and stale parts of the same key are not used", async () => {
    const given = setUp(core);
    given.server.etag = undefined;
    const first = await visit(given);
    await first.record(0, 0, demand);
    await first.flush();
    const next = await visit(given);
    await next.record(0, 1, demand);
    await next.close();
    const changed = given.fixture.bytes.slice();
    for (const expert of [0, 1])
      changed[given.fixture.directory.record(0, expert)!.matrices.gate.offset]! ^= 1;
    given.server.bytes = changed;
    const library = await visit(given);
    await expect(library.record(1, 0, demand)).rejects.toMatchObject({ code: "source-changed" });
    const afresh = await visit({ ...given, fresh: true });
    const fixture = { ...given.fixture, bytes: changed };
    expect(bytesOf(await afresh.record(0, 1, demand))).toEqual(expected(fixture, 0, 1));
  });

  test("of another size is source-changed without a look at its content", async () => {
    const given = await interrupted();
    given.server.bytes = new Uint8Array(given.fixture.bytes.length + 1);
    const library = await visit(given);
    await expect(library.record(1, 0, demand)).rejects.toMatchObject({ code: "source-changed" });
    expect(given.server.requests).toHaveLength(1);
  });

  test.each([
    ["on its own", undefined],
    ["with other tabs", fakeSite().openTab().links],
  ])("whose stored header is damaged reads it from the network again (%s)", async (_where, links) => {
    const { store, ...others } = await interrupted();
    const given = { ...others, store: { ...store, links } };
    const [key] = (await given.store.partKeys("")).filter((each) => each.includes("/header/"));
    const [header] = await given.store.getParts([key!]);
    await given.store.putParts([[key!, { ...header!, checksum: "0000000000000000" }]]);
    const library = await visit(given);
    expect(library.counters().healedParts).toBe(1);
    await library.flush();
    expect(await given.store.getParts([key!])).toEqual([header]);
  });
});
