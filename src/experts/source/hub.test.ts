import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type HubOptions, hubAddress, hubFiles, parseHubAddress } from "./hub.ts";
import { openSources } from "./open.ts";

const OLD = "0123456789abcdef0123456789abcdef01234567";
const NEW = "89abcdef0123456789abcdef0123456789abcdef";
const MODEL = "hf:some-org/Moe-GGUF/q4/moe.gguf";

describe("addresses", () => {
  test.each([
    ["hf:org/repo/a.gguf", "hf:org/repo@main/a.gguf"],
    ["hf://org/repo/a.gguf", "hf:org/repo@main/a.gguf"],
    ["HF:o/r.2-x@v1.0/deep/er/a b.gguf", "hf:o/r.2-x@v1.0/deep/er/a%20b.gguf"],
    ["hf:org/repo@refs%2Fpr%2F7/a.gguf", "hf:org/repo@refs%2Fpr%2F7/a.gguf"],
    [`hf:org/repo@${OLD}/a@b.gguf`, `hf:org/repo@${OLD}/a%40b.gguf`],
  ])("%s is %s", (text, canonical) => {
    expect(hubAddress(parseHubAddress(text))).toBe(canonical);
    expect(hubAddress(parseHubAddress(canonical))).toBe(canonical);
  });

  test.each([
    "hf:",
    "hf:org",
    "hf:org/repo",
    "hf:org/repo/",
    "hf:org/repo//a.gguf",
    "hf:org/../other/a.gguf",
    "hf:org/repo/../../../api/a.gguf",
    "hf:org/repo/%2e%2e/a.gguf",
    "hf:org/repo/x%2F..%2Fa.gguf",
    "hf:org/repo/a\\..\\b.gguf",
    "hf:org/repo/a\u202e.gguf",
    "hf:org/repo/%00.gguf",
    "hf:org/repo/%zz.gguf",
    "hf:org/repo/a.gguf?token=x",
    "hf:org/repo/a.gguf#x",
    "hf:org/repo@/a.gguf",
    "hf:org/repo@../a.gguf",
    "hf:org/repo@-x/a.gguf",
    "hf://user:secret@evil.example/repo/a.gguf",
    "hf:org:80/repo/a.gguf",
    "hf:.org/repo/a.gguf",
    "hf:https://evil.example/a.gguf",
    "hf:///etc/passwd",
    `hf:${"o".repeat(60)}/${"r".repeat(60)}/a.gguf`,
  ])("%j is refused", async (text) => {
    expect(() => parseHubAddress(text)).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringContaining("hf:org/repo") }),
    );
    await expect(openSources(text)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

/** The Hub's part: its API and redirects. The bytes come from `files`, on another origin. */
describe("a Hub that redirects to another origin", () => {
  const contents: Record<string, Buffer> = {
    [OLD]: Buffer.alloc(600_000, 1),
    [NEW]: Buffer.alloc(600_000, 2),
  };
  let hub: Server;
  let files: Server;
  let main = OLD;
  let gone: string | undefined;
  let toHub: IncomingMessage[] = [];
  let toFiles: IncomingMessage[] = [];
  let options: HubOptions & { endpoint: string };

  const listen = async (server: Server): Promise<string> => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  beforeEach(async () => {
    main = OLD;
    gone = undefined;
    toHub = [];
    toFiles = [];
    files = createServer((request, response) => {
      toFiles.push(request);
      const bytes = contents[request.url!.split("/")[1]!]!;
      const [from, to] = /(\d+)-(\d+)/.exec(request.headers.range!)!.slice(1).map(Number) as [number, number];
      const body = bytes.subarray(from, to + 1);
      const range = `bytes ${from}-${from + body.length - 1}/${bytes.length}`;
      response.writeHead(206, { etag: '"x"', "content-range": range }).end(body);
    });
    const fileOrigin = await listen(files);
    hub = createServer((request, response) => {
      toHub.push(request);
      const refuse = (status: number, code: string): void =>
        void response.writeHead(status, { "x-error-code": code }).end();
      const { pathname } = new URL(request.url!, "http://hub");
      if (pathname === "/api/models/some-org/Moe-GGUF/revision/main")
        return void response.end(JSON.stringify({ id: "some-org/Moe-GGUF", sha: main }));
      if (pathname === "/api/models/some-org/odd/revision/main") return void response.end("<html>");
      if (pathname.startsWith("/api/models/some-org/Moe-GGUF/")) return refuse(404, "RevisionNotFound");
      if (pathname.startsWith("/api/")) return refuse(401, "RepoNotFound");
      const [, org, repo, , commit, ...path] = pathname.split("/");
      if (repo === "gated" && request.headers.authorization !== "Bearer hf_right")
        return refuse(401, "GatedRepo");
      if (commit === gone) return refuse(404, "RevisionNotFound");
      if (!path.at(-1)!.startsWith("moe")) return refuse(404, "EntryNotFound");
      response.writeHead(302, { location: `${fileOrigin}/${commit}/${org}`, "x-repo-commit": commit! }).end();
    });
    options = { endpoint: await listen(hub), sleep: async () => undefined };
  });
  afterEach(() => {
    for (const server of [hub, files]) {
      server.closeAllConnections();
      server.close();
    }
  });

  test("a branch is resolved once, and everything is read at its commit", async () => {
    const source = await hubFiles(options)(MODEL).open();
    expect(source).toMatchObject({ size: 600_000, validator: `commit ${OLD}`, remote: true });
    expect(source.identity).toBe("hf:some-org/Moe-GGUF@main/q4/moe.gguf");
    main = NEW;
    expect((await source.read(400_000, 10))[0]).toBe(1);
    expect(toHub.map(({ url }) => url)).toEqual([
      "/api/models/some-org/Moe-GGUF/revision/main?expand=sha",
      `/some-org/Moe-GGUF/resolve/${OLD}/q4/moe.gguf`,
    ]);
  });

  test("a later visit goes on at the commit of the first, and at the branch's when that is gone", async () => {
    main = NEW;
    const later = await hubFiles(options)(MODEL).version!(`commit ${OLD}`).open();
    expect((await later.read(0, 1))[0]).toBe(1);
    expect(toHub.some(({ url }) => url!.startsWith("/api/"))).toBe(false);
    gone = OLD;
    const moved = await hubFiles(options)(MODEL).version!(`commit ${OLD}`).open();
    expect(moved.validator).toBe(`commit ${NEW}`);
  });

  test("the files of a split model are of one commit, and lie beside each other", async () => {
    const file = hubFiles(options)("hf:some-org/Moe-GGUF/q4/moe-00001-of-00002.gguf");
    const first = await file.open();
    main = NEW;
    const second = await file.folder!.file("moe-00002-of-00002.gguf").open();
    expect([first.validator, second.validator]).toEqual([`commit ${OLD}`, `commit ${OLD}`]);
    expect(second.identity).toBe("hf:some-org/Moe-GGUF@main/q4/moe-00002-of-00002.gguf");
  });

  test("a token goes to the Hub and to no other origin, redirected or not", async () => {
    const address = `hf:some-org/gated@${OLD}/moe.gguf`;
    const source = await hubFiles({ ...options, token: "hf_right" })(address).open();
    await source.read(300_000, 10);
    expect(toHub.map(({ headers }) => headers.authorization)).toEqual(["Bearer hf_right"]);
    expect(toFiles).toHaveLength(2);
    for (const { headers, rawHeaders, url } of toFiles) {
      expect(headers.authorization).toBeUndefined();
      expect(`${rawHeaders}${url}`).not.toContain("hf_right");
    }
    expect(JSON.stringify(source)).not.toContain("hf_right");
  });

  test.each([
    [`hf:some-org/gated@${OLD}/moe.gguf`, "gated", undefined],
    [`hf:some-org/gated@${OLD}/moe.gguf`, "may read it", "hf_wrong"],
    ["hf:some-org/none/moe.gguf", "no such repository", undefined],
    ["hf:some-org/none/moe.gguf", "refuses the access token", "hf_wrong"],
    ["hf:some-org/Moe-GGUF@v9/moe.gguf", "no revision v9", undefined],
    ["hf:some-org/Moe-GGUF/other.gguf", "no file other.gguf", undefined],
    ["hf:some-org/odd/moe.gguf", "names no commit", undefined],
  ])("%s is refused in words: %s", async (address, words, token) => {
    const opening = hubFiles({ ...options, token })(address).open();
    await expect(opening).rejects.toMatchObject({ code: "network", message: expect.stringContaining(words) });
    await expect(opening).rejects.not.toThrow("hf_wrong");
    // What waiting cannot heal is asked for once.
    expect(toHub.length).toBeLessThanOrEqual(2);
  });

  test("a token that could forge a header is refused, and not repeated", () => {
    expect(() => hubFiles({ token: "a\r\nx: y" })).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.not.stringContaining("x: y") }),
    );
  });
});
