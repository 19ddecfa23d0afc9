/** Visits to a small model: for the tests of what the library fetches, stores and notices. */
import type { WebMoEError } from "../api/errors.ts";
import type { Core } from "../wasm/core.ts";
import {
  type FakeServer,
  fakeServer,
  MODEL_URL,
  type ModelFixture,
  modelFixture,
} from "./fixtures.testing.ts";
import { openModel } from "./identity.ts";
import { type Library, openLibrary } from "./library.ts";
import type { ExpertRecord } from "./parts.ts";
import { createMemoryStore } from "./store/memory.ts";
import type { PartStore } from "./store/store.ts";

/** Larger than the first request of a source, so that every weight is fetched by ranges of its own. */
export const HEADER_BYTES = 300_000;

export interface Visit {
  readonly fixture: ModelFixture;
  readonly server: FakeServer;
  readonly store: PartStore;
  readonly core: Core;
  readonly hostBudget?: number;
  readonly fresh?: boolean;
  readonly onStoreFailure?: (error: WebMoEError) => void;
}

/** What the engine does on a visit: read the header, then open the library. */
export async function visit({
  fixture,
  server,
  store,
  core,
  hostBudget = 0,
  fresh,
  ...rest
}: Visit): Promise<Library> {
  const model = await openModel(MODEL_URL, { ...server, store, core, ...(fresh && { fresh }) });
  // In steps, as a parser reads that does not know how long the header is.
  await model.files[0]!.read(0, 200_000);
  await model.files[0]!.read(200_000, fixture.headerBytes - 200_000);
  const { directory } = fixture;
  return openLibrary({ model, directory, store, core, hostBudget, name: "moe", ...rest });
}

/** A model, a server that has it, and an empty store. */
export function setUp(core: Core, options: Parameters<typeof modelFixture>[0] = {}): Visit {
  const fixture = modelFixture({ headerBytes: HEADER_BYTES, ...options });
  return { fixture, server: fakeServer(fixture.bytes), store: createMemoryStore(), core };
}

export const demand = { priority: "demand" } as const;

/** The record's bytes as they lie in the file: f32 is packed as it is. */
export function expected({ bytes, directory }: ModelFixture, layer: number, expert: number): number[] {
  const { gate, up, down } = directory.record(layer, expert)!.matrices;
  return [gate, up, down].flatMap(({ spec, offset }) => [
    ...bytes.subarray(offset, offset + spec.rows * spec.cols * 4),
  ]);
}

/** What came of a record, in order. */
export const bytesOf = ({ parts }: ExpertRecord): number[] => parts.flatMap(({ rows }) => [...rows.bytes]);
