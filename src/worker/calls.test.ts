import { expect, test } from "vitest";
import { WebMoEError } from "../api/errors.ts";
import { workerCalls } from "./calls.ts";

const never = new Promise<never>(() => undefined);

test("calls end as their work does", async () => {
  const call = workerCalls(new EventTarget() as Worker);
  expect(await call(Promise.resolve(3))).toBe(3);
  await expect(call(Promise.reject(new Error("no")))).rejects.toThrow("no");
});

test("a worker that cannot run fails the calls under way and those to come", async () => {
  const worker = new EventTarget() as Worker;
  const call = workerCalls(worker);
  const waiting = [call(never), call(never)];
  worker.dispatchEvent(Object.assign(new Event("error"), { message: "no such script" }));
  for (const each of [...waiting, call(never)])
    await expect(each).rejects.toMatchObject({
      code: "network",
      message: "The WebMoE worker failed: no such script",
    });
});

test("what failed the calls first is what they say", async () => {
  const call = workerCalls(new EventTarget() as Worker);
  call.fail(new WebMoEError("aborted", "closed"));
  call.fail(new WebMoEError("network", "later"));
  await expect(call(Promise.resolve(1))).rejects.toMatchObject({ code: "aborted" });
});
