import { expect, test } from "vitest";
import { sleep } from "./sleep.ts";

test("a pause ends in time, or as soon as its signal fires", async () => {
  await sleep(1);
  const abort = new AbortController();
  const long = sleep(60_000, abort.signal);
  abort.abort();
  await expect(long).rejects.toMatchObject({ code: "aborted" });
});
