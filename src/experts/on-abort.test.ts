import { expect, test, vi } from "vitest";
import { onAbort } from "./on-abort.ts";

test("many callbacks take one listener of the signal, which goes with the last of them", () => {
  const { signal } = new AbortController();
  const add = vi.spyOn(signal, "addEventListener");
  const remove = vi.spyOn(signal, "removeEventListener");
  const unlinks = Array.from({ length: 20 }, () => onAbort(signal, () => undefined));
  expect(add).toHaveBeenCalledTimes(1);
  for (const unlink of unlinks.slice(1)) unlink();
  expect(remove).not.toHaveBeenCalled();
  unlinks[0]!();
  expect(remove).toHaveBeenCalledTimes(1);
});

test("the callbacks that are left are called once when the signal fires", () => {
  const controller = new AbortController();
  const called: string[] = [];
  onAbort(controller.signal, () => called.push("stays"));
  onAbort(controller.signal, () => called.push("leaves"))();
  const late = onAbort(controller.signal, () => called.push("late"));
  controller.abort();
  late();
  expect(called).toEqual(["stays", "late"]);
});
