import { describe, expect, test, vi } from "vitest";
import { WebMoEError } from "../../api/errors.ts";
import { fakeServer, gate, MODEL_URL } from "../fixtures.testing.ts";
import { FIRST_REQUEST_BYTES, openHttpSource } from "./http.ts";

/** 1 MiB in which every position can be told from its neighbours. */
const FILE = Uint8Array.from({ length: 1024 * 1024 }, (_, i) => (i ^ (i >> 8) ^ (i >> 16)) & 255);

const slice = (offset: number, length: number): Uint8Array<ArrayBuffer> =>
  FILE.slice(offset, offset + length);

const hidden = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(null, { status, headers });

function partial(from: number, to: number, headers: Record<string, string> = {}): Response {
  return new Response(FILE.slice(from, to + 1), {
    status: 206,
    headers: { "content-range": `bytes ${from}-${to}/${FILE.length}`, etag: '"one"', ...headers },
  });
}

function redirected(response: Response, url: string): Response {
  Object.defineProperty(response, "redirected", { value: true });
  Object.defineProperty(response, "url", { value: url });
  return response;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof WebMoEError) return error.code;
    throw error;
  }
  return "no error";
}

describe("a server with Range", () => {
  test("gives size and validator with the first request, which also serves the header", async () => {
    const server = fakeServer(FILE);
    const source = await openHttpSource(MODEL_URL, server);
    expect(source).toMatchObject({
      size: FILE.length,
      validator: '"one"',
      remote: true,
      identity: MODEL_URL,
    });
    expect(await source.read(10, 5000)).toEqual(slice(10, 5000));
    expect(server.requests).toEqual([{ url: MODEL_URL, method: "GET", range: [0, FIRST_REQUEST_BYTES - 1] }]);
    expect(await source.read(300_000, 1000)).toEqual(slice(300_000, 1000));
    expect(server.requests[1]?.range).toEqual([300_000, 300_999]);
  });

  test("is sent no header but Range, so that no preflight is needed", async () => {
    const server = fakeServer(FILE);
    const inits: RequestInit[] = [];
    const fetch: typeof server.fetch = (url, init) => {
      inits.push(init);
      return server.fetch(url, init);
    };
    const source = await openHttpSource(MODEL_URL, { ...server, fetch });
    await source.read(500_000, 10);
    expect(inits.map(({ headers }) => Object.keys(headers ?? {}))).toEqual([["Range"], ["Range"]]);
  });

  test("that hides Content-Range is asked for its size by HEAD", async () => {
    const server = fakeServer(FILE);
    server.intercept = ({ range }) =>
      range && new Response(FILE.slice(range[0], range[1] + 1), { status: 206 });
    const source = await openHttpSource(MODEL_URL, server);
    expect(source.size).toBe(FILE.length);
    expect(server.requests.map(({ method }) => method)).toEqual(["GET", "HEAD"]);
    expect(await source.read(700_000, 100)).toEqual(slice(700_000, 100));
  });

  test("is asked again with growing pauses after 500, and heals", async () => {
    const server = fakeServer(FILE);
    server.intercept = (_, index) => (index < 3 ? hidden(500) : undefined);
    const source = await openHttpSource(MODEL_URL, server);
    expect(source.size).toBe(FILE.length);
    expect(server.waits).toEqual([500, 1000, 2000]);
  });

  test("is left alone for as long as Retry-After says, at most 30 s", async () => {
    const server = fakeServer(FILE);
    const late = new Date(server.now() + 5_000).toUTCString();
    const headers = ["7", late, "3600"];
    server.intercept = (_, index) =>
      index < 3 ? hidden(429, { "retry-after": headers[index]! }) : undefined;
    await openHttpSource(MODEL_URL, server);
    expect(server.waits).toEqual([7_000, 5_000, 30_000]);
  });

  test("that keeps failing is given up after four attempts", async () => {
    const server = fakeServer(FILE);
    server.intercept = () => hidden(500);
    await expect(openHttpSource(MODEL_URL, server)).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining(`${MODEL_URL} answered HTTP 500`),
    });
    expect(server.requests).toHaveLength(4);
  });

  test("that answers 503 for ten seconds is waited for, however the jitter falls", async () => {
    for (const jitter of [0, 0.5, 0.999]) {
      const server = fakeServer(FILE);
      const waited = (): number => server.waits.reduce((sum, ms) => sum + ms, 0);
      const source = await openHttpSource(MODEL_URL, { ...server, random: () => jitter });
      server.intercept = () => (waited() < 10_000 ? hidden(503) : undefined);
      expect(await source.read(400_000, 100)).toEqual(slice(400_000, 100));
    }
    const server = fakeServer(FILE);
    server.intercept = () => hidden(503);
    expect(await codeOf(openHttpSource(MODEL_URL, server))).toBe("network");
    expect(server.requests).toHaveLength(7);
  });

  /** An answer that breaks off after `bytes`. */
  const breaking = ([from, to]: readonly [number, number], bytes: number): Response => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(slice(from, bytes)),
      pull: (controller) => controller.error(new TypeError("connection lost")),
    });
    const headers = { etag: '"one"', "content-range": `bytes ${from}-${to}/${FILE.length}` };
    return new Response(body, { status: 206, headers });
  };

  test("that breaks off is asked for the rest only, as often as it brings enough", async () => {
    const server = fakeServer(FILE);
    const source = await openHttpSource(MODEL_URL, server);
    server.intercept = ({ range }, index) => (index < 6 ? breaking(range!, 70_000) : undefined);
    expect(Buffer.compare(await source.read(300_000, 500_000), slice(300_000, 500_000))).toBe(0);
    const starts = server.requests.slice(1).map(({ range }) => range![0]);
    expect(starts).toEqual([0, 1, 2, 3, 4, 5].map((breaks) => 300_000 + breaks * 70_000));
  });

  test("that breaks off and then shows no version is asked for all of it again", async () => {
    const server = fakeServer(FILE);
    const source = await openHttpSource(MODEL_URL, server);
    server.intercept = ({ range }, index) => {
      if (index === 1) return breaking(range!, 70_000);
      const response = partial(...range!);
      response.headers.delete("etag");
      return response;
    };
    expect(Buffer.compare(await source.read(300_000, 500_000), slice(300_000, 500_000))).toBe(0);
    expect(server.requests.slice(1).map(({ range }) => range![0])).toEqual([300_000, 370_000, 300_000]);
  });

  test("whose file has become shorter than what is asked for gives source-changed", async () => {
    const server = fakeServer(FILE);
    const source = await openHttpSource(MODEL_URL, server);
    server.intercept = () => hidden(416);
    expect(await codeOf(source.read(400_000, 100))).toBe("source-changed");
  });

  test("that is opened by the range that is read first is asked for nothing else", async () => {
    const server = fakeServer(FILE);
    const first = { offset: 400_000, length: 100 };
    const source = await openHttpSource(MODEL_URL, { ...server, first });
    expect(source).toMatchObject({ size: FILE.length, validator: '"one"' });
    expect(await source.read(400_000, 100)).toEqual(slice(400_000, 100));
    expect(server.requests.map(({ range }) => range)).toEqual([[400_000, 400_099]]);
  });

  test("that answers 404 fails at once", async () => {
    const server = fakeServer(FILE);
    server.intercept = () => hidden(404);
    expect(await codeOf(openHttpSource(MODEL_URL, server))).toBe("network");
    expect(server.requests).toHaveLength(1);
  });

  test("that cannot be reached fails with a hint at CORS", async () => {
    const server = fakeServer(FILE);
    server.intercept = () => Promise.reject(new TypeError("Failed to fetch"));
    await expect(openHttpSource(MODEL_URL, server)).rejects.toThrow(/Access-Control-Allow-Origin/);
    expect(server.requests).toHaveLength(4);
  });

  test("that sends a short body is asked again", async () => {
    const server = fakeServer(FILE);
    server.intercept = (_, index) =>
      index === 1
        ? new Response(slice(400_000, 10), {
            status: 206,
            headers: { "content-range": `bytes 400000-400099/${FILE.length}` },
          })
        : undefined;
    const source = await openHttpSource(MODEL_URL, server);
    expect(await source.read(400_000, 100)).toEqual(slice(400_000, 100));
    expect(server.requests).toHaveLength(3);
  });

  test("that sends other bytes than asked for never has them taken", async () => {
    const server = fakeServer(FILE);
    const source = await openHttpSource(MODEL_URL, server);
    server.intercept = () => partial(400_001, 400_100);
    expect(await codeOf(source.read(400_000, 100))).toBe("network");
    server.intercept = () =>
      partial(400_000, 400_500, { "content-range": `bytes 400000-400099/${FILE.length}` });
    expect(await codeOf(source.read(400_000, 100))).toBe("network");
  });

  test("that compresses ranges is refused", async () => {
    const server = fakeServer(FILE);
    server.intercept = () => partial(0, FIRST_REQUEST_BYTES - 1, { "content-encoding": "gzip" });
    await expect(openHttpSource(MODEL_URL, server)).rejects.toMatchObject({
      code: "network",
      message: expect.stringContaining("gzip"),
    });
  });

  test("whose ETag changes between ranges gives source-changed at once", async () => {
    const server = fakeServer(FILE);
    const source = await openHttpSource(MODEL_URL, server);
    server.etag = '"two"';
    expect(await codeOf(source.read(400_000, 100))).toBe("source-changed");
    expect(server.requests).toHaveLength(2);
  });

  test("whose file changes its size gives source-changed even without a validator", async () => {
    const server = fakeServer(FILE);
    server.etag = undefined;
    const source = await openHttpSource(MODEL_URL, server);
    expect(source.validator).toBeUndefined();
    server.bytes = FILE.slice(0, 900_000);
    expect(await codeOf(source.read(400_000, 100))).toBe("source-changed");
  });

  test("that omits the ETag once is not taken for changed by its date", async () => {
    const server = fakeServer(FILE);
    const source = await openHttpSource(MODEL_URL, server);
    server.intercept = () => {
      const response = partial(400_000, 400_099, { "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT" });
      response.headers.delete("etag");
      return response;
    };
    expect(await source.read(400_000, 100)).toEqual(slice(400_000, 100));
  });

  test("that redirects is asked at its target until that expires", async () => {
    const server = fakeServer(FILE);
    const signed = ["https://cdn.example/signed-1", "https://cdn.example/signed-2"] as const;
    let valid: string = signed[0];
    server.intercept = ({ url, range }) => {
      const response = partial(range![0], Math.min(range![1], FILE.length - 1));
      if (url === MODEL_URL) return redirected(response, valid);
      return url === valid ? response : hidden(403);
    };
    const source = await openHttpSource(MODEL_URL, server);
    await source.read(400_000, 100);
    valid = signed[1];
    expect(await source.read(500_000, 100)).toEqual(slice(500_000, 100));
    await source.read(600_000, 100);
    expect(server.requests.map(({ url }) => url)).toEqual([
      MODEL_URL,
      signed[0],
      signed[0],
      MODEL_URL,
      signed[1],
    ]);
    expect(server.waits).toEqual([]);
  });

  test("is no longer waited for when the signal fires", async () => {
    const server = fakeServer(FILE);
    const source = await openHttpSource(MODEL_URL, server);
    server.intercept = () => gate().opened;
    const controller = new AbortController();
    const read = source.read(400_000, 100, controller.signal);
    controller.abort();
    expect(await codeOf(read)).toBe("aborted");
    expect(await codeOf(openHttpSource(MODEL_URL, { ...server, signal: controller.signal }))).toBe("aborted");
  });

  test("whose transfer stalls is asked again", async () => {
    vi.useFakeTimers();
    try {
      const server = fakeServer(FILE);
      const source = await openHttpSource(MODEL_URL, server);
      server.intercept = (_, index) => {
        if (index > 1) return undefined;
        const silent = new ReadableStream({ start: (stream) => stream.enqueue(slice(400_000, 10)) });
        return new Response(silent, {
          status: 206,
          headers: { "content-range": `bytes 400000-400099/${FILE.length}` },
        });
      };
      const read = source.read(400_000, 100);
      await vi.advanceTimersByTimeAsync(61_000);
      expect(await read).toEqual(slice(400_000, 100));
    } finally {
      vi.useRealTimers();
    }
  });

  test("is never asked for bytes that do not exist", async () => {
    const source = await openHttpSource(MODEL_URL, fakeServer(FILE));
    expect(await codeOf(source.read(FILE.length - 10, 11))).toBe("invalid-argument");
    expect(await codeOf(source.read(-1, 2))).toBe("invalid-argument");
  });
});

describe("a server without Range", () => {
  /** The file in chunks of 100,000 bytes, each held back until it is let through. */
  function chunked(): { response: Response; release(): void; breakOff(): void } {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      start(started) {
        controller = started;
      },
    });
    return {
      response: new Response(body, {
        headers: { "content-length": String(FILE.length), etag: '"one"' },
      }),
      release() {
        controller?.enqueue(slice(at, 100_000));
        at += 100_000;
        if (at >= FILE.length) controller?.close();
      },
      breakOff: () => controller?.error(new TypeError("network error")),
    };
  }

  test("is read by one response, any range of it", async () => {
    const server = fakeServer(FILE);
    server.ranges = false;
    const source = await openHttpSource(MODEL_URL, server);
    expect(source.size).toBe(FILE.length);
    expect(await source.read(900_000, 5_000)).toEqual(slice(900_000, 5_000));
    expect(Buffer.compare(await source.read(0, FILE.length), FILE)).toBe(0);
    expect(server.requests).toHaveLength(1);
  });

  test("gives low offsets before the download ends", async () => {
    const server = fakeServer(FILE);
    const { response, release } = chunked();
    server.intercept = () => response;
    const source = await openHttpSource(MODEL_URL, server);
    release();
    expect(await source.read(50_000, 50_000)).toEqual(slice(50_000, 50_000));
    let arrived = false;
    const later = source.read(150_000, 10).then((bytes) => {
      arrived = true;
      return bytes;
    });
    await Promise.resolve();
    expect(arrived).toBe(false);
    release();
    expect(await later).toEqual(slice(150_000, 10));
    source.close?.();
    expect(await codeOf(source.read(900_000, 10))).toBe("aborted");
  });

  test("whose transfer breaks is asked again, and what had come is kept", async () => {
    const server = fakeServer(FILE);
    server.ranges = false;
    const { response, release, breakOff } = chunked();
    server.intercept = (_, index) => (index === 0 ? response : undefined);
    const source = await openHttpSource(MODEL_URL, server);
    release();
    await source.read(0, 100_000);
    breakOff();
    expect(await source.read(90_000, 20_000)).toEqual(slice(90_000, 20_000));
    expect(Buffer.compare(await source.read(0, FILE.length), FILE)).toBe(0);
    expect(server.requests).toHaveLength(2);
  });

  test("whose file changed when it is asked again gives source-changed", async () => {
    const server = fakeServer(FILE);
    server.ranges = false;
    const { response, breakOff } = chunked();
    server.intercept = (_, index) => (index === 0 ? response : undefined);
    const source = await openHttpSource(MODEL_URL, server);
    server.etag = '"two"';
    breakOff();
    expect(await codeOf(source.read(0, 10))).toBe("source-changed");
  });
});
