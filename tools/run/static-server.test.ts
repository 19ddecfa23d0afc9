import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONTENT_SECURITY_POLICY, parseRange, serveStatic } from "./static-server.mjs";

describe("a byte range", () => {
  it.each([
    ["bytes=0-3", { start: 0, end: 4 }],
    ["bytes=4-", { start: 4, end: 10 }],
    ["bytes=-3", { start: 7, end: 10 }],
    ["bytes=8-99", { start: 8, end: 10 }],
    ["bytes=-99", { start: 0, end: 10 }],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=5-2", undefined],
    ["bytes=0-1,4-5", undefined],
    ["items=0-3", undefined],
    [undefined, undefined],
  ])("%s of ten bytes is %o", (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });
});

describe("the static server", () => {
  let folder = "";
  let site: Awaited<ReturnType<typeof serveStatic>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "webmoe-static-"));
    await writeFile(join(folder, "outside.txt"), "secret");
    const root = join(folder, "root");
    await mkdir(root);
    await writeFile(join(root, "index.html"), "<!doctype html>");
    await writeFile(join(root, "model.gguf"), "0123456789");
    await symlink(join(folder, "outside.txt"), join(root, "link.txt"));
    site = await serveStatic({ root, prefix: "/some/path/" });
  });
  afterAll(async () => {
    await site.close();
    await rm(folder, { recursive: true });
  });

  it("answers a range with 206 and exactly those bytes", async () => {
    const response = await fetch(`${site.url}model.gguf`, { headers: { Range: "bytes=2-5" } });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe("bytes 2-5/10");
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    expect(await response.text()).toBe("2345");
  });

  it("sends the whole file for a range of another version", async () => {
    const response = await fetch(`${site.url}model.gguf`, {
      headers: { Range: "bytes=2-5", "If-Range": '"old"' },
    });
    expect([response.status, await response.text()]).toEqual([200, "0123456789"]);
  });

  it("answers 304 to the ETag it sent", async () => {
    const etag = (await fetch(`${site.url}model.gguf`)).headers.get("etag") ?? "";
    const again = await fetch(`${site.url}model.gguf`, { headers: { "If-None-Match": etag } });
    expect(again.status).toBe(304);
  });

  it("serves index.html for its folder, with the page's policy, and nothing outside the prefix", async () => {
    const page = await fetch(site.url);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toBe(CONTENT_SECURITY_POLICY);
    expect((await fetch(`http://localhost:${site.port}/model.gguf`)).status).toBe(404);
  });

  it("refuses paths and links that lead out of its folder", async () => {
    // fetch would tidy `..` away, so the request is written by hand.
    const status = (path: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(site.port, "127.0.0.1", () => {
          socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
        });
        let text = "";
        socket.on("data", (chunk) => {
          text += chunk;
        });
        socket.on("error", reject);
        socket.on("end", () => resolve(text.slice(9, 12)));
      });
    expect(await status("/some/path/../../outside.txt")).toBe("404");
    expect(await status("/some/path/%2e%2e/outside.txt")).toBe("404");
    expect(await status("/some/path/..%2foutside.txt")).toBe("404");
    expect(await status("/some/path/link.txt")).toBe("404");
    expect(await status("/some/path/%zz")).toBe("404");
    expect(await status("/some/path/model.gguf")).toBe("200");
  });
});
