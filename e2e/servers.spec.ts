/**
 * Servers that misbehave, and pages that change their mind. Each ends in the recovery or the typed error of the
 * load path; after each, the same page loads a good model and says its tokens (`client` fixture).
 */
import { expect, test } from "./servers/fixtures.ts";

const errorWith = (code: string, text = ""): unknown => ({ code, message: expect.stringContaining(text) });

test.describe("A server", () => {
  test("without Range is read by one request", async ({ client, server, models }) => {
    server.reset(() => ({ ignoreRange: true }));
    expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.good.tokens.first });
    expect(server.requests).toHaveLength(1);
  });

  test("that fails once, for the first or any later request, is asked again", async ({
    client,
    server,
    models,
  }) => {
    for (const failing of [0, 1, 2]) {
      server.reset(({ index }) => (index === failing ? { status: 500 } : undefined));
      expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.good.tokens.first });
      expect(server.requests.length).toBeGreaterThan(failing + 1);
    }
  });

  test("that asks to wait is left alone for as long", async ({ client, server, models }) => {
    const times: number[] = [];
    server.reset(({ index }) => {
      times.push(performance.now());
      return index === 0 ? { status: 429, headers: { "Retry-After": "2" } } : undefined;
    });
    expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.good.tokens.first });
    expect(times[1]! - times[0]!).toBeGreaterThan(1900);
  });

  test("that has no such file is named in a network error", async ({ client, server }) => {
    server.reset(() => ({ status: 404 }));
    expect(await client.say(`${server.url}m.gguf`)).toEqual(errorWith("network", "HTTP 404"));
  });

  test("that breaks one answer off is asked for the rest", async ({ client, server, models }) => {
    for (const broken of [0, 1, 2]) {
      server.reset(({ index }) => (index === broken ? { breakAfter: 1000 } : undefined));
      expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.good.tokens.first });
    }
  });

  test("without Range that breaks off is read on from where it was", async ({ client, server, models }) => {
    server.reset(({ index }) => ({ ignoreRange: true, ...(index === 0 ? { breakAfter: 700_000 } : {}) }));
    expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.good.tokens.first });
    expect(server.requests).toHaveLength(2);
  });

  test("that never sends what it promises is a network error", async ({ client, server }) => {
    server.reset(({ index }) => (index === 0 ? undefined : { breakAfter: 1000 }));
    expect(await client.say(`${server.url}m.gguf`)).toEqual(errorWith("network"));
  });

  test("whose file is shorter than its header says is bad-gguf", async ({ client, server, models }) => {
    const file = models.good.bytes.subarray(0, models.good.bytes.length - 1000);
    for (const ignoreRange of [false, true]) {
      server.reset(() => ({ file, ignoreRange }));
      expect(await client.say(`${server.url}m.gguf`)).toEqual(errorWith("bad-gguf", "truncated"));
    }
  });

  test("whose redirects expire is asked for a new one", async ({ client, server, models }) => {
    let issued = 0;
    server.reset(({ index, pathname, search }) => {
      if (pathname !== "/signed.gguf")
        return { status: 302, headers: { Location: `/signed.gguf?signature=${++issued}` } };
      return search.get("signature") === "1" && index > 3 ? { status: 403 } : undefined;
    });
    expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.good.tokens.first });
    expect(issued).toBeGreaterThan(1);
    // Not one resolution a request: hosts limit them.
    expect(issued).toBeLessThan(server.requests.length / 2);
  });

  test("of another site that exposes no headers is read all the same", async ({ client, server, models }) => {
    server.reset(() => ({ exposed: "" }));
    expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.good.tokens.first });
    expect(server.requests.some(({ method }) => method === "OPTIONS")).toBe(false);
  });

  test("of another site that allows no pages is a network error that says so", async ({ client, server }) => {
    server.reset(() => ({ cors: false }));
    expect(await client.say(`${server.url}m.gguf`)).toEqual(
      errorWith("network", "Access-Control-Allow-Origin"),
    );
  });
});

test.describe("A file", () => {
  /** Requests before the first for a weight, and before the first for an expert, of a load that goes well. */
  const AFTER_HEADER = 1;

  test("that changes while it loads is loaded anew as it is now", async ({ client, server, models }) => {
    server.reset(({ index }) =>
      index < AFTER_HEADER ? undefined : { file: models.other.bytes, etag: '"two"' },
    );
    expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.other.tokens.first });
  });

  test("that changes between loading and writing is source-changed, and the new one on the next load", async ({
    client,
    server,
    models,
  }) => {
    const trunkOnly = await client.requestsToLoad();
    const changed = { file: models.other.bytes, etag: '"two"' };
    server.reset(({ index }) => (index < trunkOnly ? undefined : changed));
    expect(await client.say(`${server.url}m.gguf`)).toEqual(errorWith("source-changed"));
    expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.other.tokens.first });
  });

  test("that has another ETag and the same content is the same file", async ({ client, server, models }) => {
    const trunkOnly = await client.requestsToLoad();
    for (const from of [AFTER_HEADER, trunkOnly]) {
      server.reset(({ index }) => (index < from ? undefined : { etag: '"two"' }));
      expect(await client.say(`${server.url}m.gguf`)).toEqual({ tokens: models.good.tokens.first });
    }
  });

  test("stored on an earlier visit is the same under another ETag, if its content is", async ({
    client,
    server,
    models,
  }) => {
    const url = `${server.url}stored.gguf`;
    expect(await client.say(url, { store: "indexeddb" })).toEqual({ tokens: models.good.tokens.first });
    server.reset(() => ({ etag: '"two"' }));
    expect(await client.say(url, { store: "indexeddb" })).toEqual({ tokens: models.good.tokens.first });
    expect(server.requests).toHaveLength(0);
    const second = await client.say(url, { store: "indexeddb", prompt: "second" });
    expect(second).toEqual({ tokens: models.good.tokens.second });
    expect(server.requests.length).toBeGreaterThan(0);
  });

  test("stored on an earlier visit that has changed is source-changed, and then the new one", async ({
    client,
    server,
    models,
  }) => {
    const url = `${server.url}stored.gguf`;
    expect(await client.say(url, { store: "indexeddb" })).toEqual({ tokens: models.good.tokens.first });
    server.reset(() => ({ file: models.other.bytes, etag: '"two"' }));
    const visit = () => client.say(url, { store: "indexeddb", prompt: "second" });
    expect(await visit()).toEqual(errorWith("source-changed"));
    expect(await visit()).toEqual({ tokens: models.other.tokens.second });
  });
});

test.describe("A split model", () => {
  const partAt = (pathname: string): number => (pathname.endsWith("-00001-of-00002.gguf") ? 0 : 1);

  test("is found by the address of one part, and its query goes with the others", async ({
    client,
    server,
    models,
  }) => {
    for (const given of [1, 2]) {
      server.reset(({ pathname }) => ({ file: models.good.parts[partAt(pathname)]! }));
      const url = `${server.url}folder/moe-0000${given}-of-00002.gguf?key=1`;
      expect(await client.say(url)).toEqual({ tokens: models.good.tokens.first });
      expect(server.requests.every(({ search }) => search.get("key") === "1")).toBe(true);
    }
  });

  test("that lacks a part is a network error that names it", async ({ client, server, models }) => {
    server.reset(({ pathname }) =>
      partAt(pathname) === 0 ? { file: models.good.parts[0]! } : { status: 404 },
    );
    expect(await client.say(`${server.url}moe-00001-of-00002.gguf`)).toEqual(
      errorWith("network", `${server.url}moe-00002-of-00002.gguf`),
    );
  });
});

test.describe("An abort", () => {
  test("while the header is on its way", async ({ client, server }) => {
    server.reset(() => ({ silent: true }));
    expect(await client.say(`${server.url}m.gguf`, { abortAt: { requests: 1 } })).toEqual(
      errorWith("aborted"),
    );
    await server.requests[0]?.abandoned;
  });

  test("while the trunk is on its way", async ({ client, server }) => {
    server.reset(({ index }) => (index === 0 ? undefined : { silent: true }));
    expect(await client.say(`${server.url}m.gguf`, { abortAt: { requests: 2 } })).toEqual(
      errorWith("aborted"),
    );
    await server.requests[1]?.abandoned;
  });

  test("while one transfer without Range is on its way", async ({ client, server }) => {
    server.reset(() => ({ ignoreRange: true, silent: true }));
    expect(await client.say(`${server.url}m.gguf`, { abortAt: { requests: 1 } })).toEqual(
      errorWith("aborted"),
    );
    await server.requests[0]?.abandoned;
  });

  test("while experts are on their way", async ({ client, server }) => {
    const trunkOnly = await client.requestsToLoad();
    server.reset(({ index }) => (index < trunkOnly ? undefined : { silent: true }));
    expect(await client.say(`${server.url}m.gguf`, { abortAt: { requests: trunkOnly + 1 } })).toEqual(
      errorWith("aborted"),
    );
    await server.requests[trunkOnly]?.abandoned;
  });

  test("while a pause asked for by the server lasts", async ({ client, server }) => {
    server.reset(() => ({ status: 503, headers: { "Retry-After": "30" } }));
    expect(await client.say(`${server.url}m.gguf`, { abortAt: { requests: 1 } })).toEqual(
      errorWith("aborted"),
    );
  });

  test("in the middle of a text", async ({ client, server }) => {
    expect(await client.say(`${server.url}m.gguf`, { abortAt: { tokens: 2 } })).toEqual(errorWith("aborted"));
  });
});
