/** A small model file and a server for it: for the tests of this folder. */
import type { ExpertMatrix } from "../model/plan.ts";
import type { PartDirectory, RecordLocation, TensorLocation } from "./parts.ts";
import type { NetworkEnvironment } from "./source/retry.ts";

export const MODEL_URL = "https://models.example/moe.gguf";

export interface ModelFixture {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly headerBytes: number;
  readonly directory: PartDirectory;
}

const EXPERT_SHAPES: Record<ExpertMatrix, readonly [rows: number, cols: number]> = {
  gate: [16, 8],
  up: [16, 8],
  down: [8, 16],
};

/**
 * Header, three trunk tensors, and for each of two layers the stacked gate, up and down matrices of four experts.
 * `gap` bytes lie between tensors.
 */
export function modelFixture({ headerBytes = 1000, gap = 0, seed = 1 } = {}): ModelFixture {
  const chunks: Uint8Array[] = [];
  let offset = 0;
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const append = (chunk: Uint8Array): number => {
    const at = offset;
    chunks.push(chunk, new Uint8Array(gap));
    offset += chunk.length + gap;
    return at;
  };
  const weights = (count: number): Uint8Array =>
    new Uint8Array(Float32Array.from({ length: count }, random).buffer);

  append(Uint8Array.from({ length: headerBytes }, (_, i) => (i * 7) & 255));
  const matrix = (name: string, rows: number, cols: number, count = 1): TensorLocation => ({
    spec: { name, rows, cols, type: "f32" },
    file: 0,
    offset: append(weights(rows * cols * count)),
  });
  const trunk = [matrix("embed", 32, 8), matrix("norm", 1, 8), matrix("output", 32, 8)];
  const layers = [0, 1].map((layer) => {
    const stack = (name: ExpertMatrix): TensorLocation =>
      matrix(`blk.${layer}.${name}`, ...EXPERT_SHAPES[name], 4);
    return { gate: stack("gate"), up: stack("up"), down: stack("down") };
  });

  const bytes = new Uint8Array(offset);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  const record = (layer: number, expert: number): RecordLocation | undefined => {
    const stacks = layers[layer];
    if (!stacks || expert >= 4) return undefined;
    const one = (location: TensorLocation): TensorLocation => ({
      ...location,
      offset: location.offset + expert * location.spec.rows * location.spec.cols * 4,
    });
    return {
      layer,
      expert,
      matrices: { gate: one(stacks.gate), up: one(stacks.up), down: one(stacks.down) },
    };
  };
  return { bytes, headerBytes, directory: { trunk, layerCount: 2, expertCount: 4, record } };
}

export interface FakeRequest {
  readonly url: string;
  readonly method: string;
  readonly range: readonly [from: number, to: number] | undefined;
}

export interface FakeServer extends NetworkEnvironment {
  readonly requests: FakeRequest[];
  /** Milliseconds that the client waited, in order. */
  readonly waits: number[];
  bytes: Uint8Array<ArrayBuffer>;
  etag: string | undefined;
  ranges: boolean;
  /** Answers instead of the server, where it returns something; a promise holds the answer back. */
  intercept: (request: FakeRequest, index: number) => Response | Promise<Response | undefined> | undefined;
}

/** A server in memory, and a clock that never waits. */
export function fakeServer(bytes: Uint8Array<ArrayBuffer>): FakeServer {
  const server: FakeServer = {
    requests: [],
    waits: [],
    bytes,
    etag: '"one"',
    ranges: true,
    intercept: () => undefined,
    async fetch(url, init) {
      init.signal?.throwIfAborted();
      const header = /^bytes=(\d+)-(\d+)$/.exec(new Headers(init.headers).get("range") ?? "");
      const request: FakeRequest = {
        url,
        method: init.method ?? "GET",
        range: header ? [Number(header[1]), Number(header[2])] : undefined,
      };
      const index = server.requests.push(request) - 1;
      const special = await abortable(Promise.resolve(server.intercept(request, index)), init.signal);
      return special ?? answer(request);
    },
    async sleep(ms) {
      server.waits.push(ms);
    },
    random: () => 0.5,
    now: () => Date.UTC(2024, 0, 1),
  };

  function answer({ method, range }: FakeRequest): Response {
    const headers = new Headers({ "content-type": "application/octet-stream" });
    if (server.etag) headers.set("etag", server.etag);
    const size = server.bytes.length;
    if (method === "HEAD" || !range || !server.ranges) {
      headers.set("content-length", String(size));
      return new Response(method === "HEAD" ? null : server.bytes.slice(), { headers });
    }
    const to = Math.min(range[1], size - 1);
    headers.set("content-range", `bytes ${range[0]}-${to}/${size}`);
    return new Response(server.bytes.slice(range[0], to + 1), { status: 206, headers });
  }

  return server;
}

/** As fetch does: a request that is aborted rejects at once. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

/** A promise that is resolved from outside. */
export function gate(): { opened: Promise<undefined>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<undefined>((resolve) => {
    open = () => resolve(undefined);
  });
  return { opened, open: () => open() };
}
