import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { idleWork } from "./idle-work.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Work that lasts until it is told to stop, or until `finish` is called. */
function longWork() {
  let running = 0;
  let started = 0;
  let finish = (): void => undefined;
  const run = (signal: AbortSignal): Promise<void> => {
    running++;
    started++;
    return new Promise<void>((resolve, reject) => {
      finish = resolve;
      signal.addEventListener("abort", () => reject(new Error("aborted")));
    }).finally(() => running--);
  };
  return { run, finish: () => finish(), running: () => running, started: () => started };
}

test("work starts after a moment of idleness, stops for every pause, and goes on when all have ended", async () => {
  const work = longWork();
  const idle = idleWork(work.run);
  expect(work.started()).toBe(0);
  await vi.advanceTimersByTimeAsync(1000);
  expect(work.running()).toBe(1);
  const first = idle.pause();
  const second = idle.pause();
  await vi.advanceTimersByTimeAsync(1000);
  expect(work.running()).toBe(0);
  first();
  first();
  await vi.advanceTimersByTimeAsync(1000);
  expect(work.running()).toBe(0);
  second();
  await vi.advanceTimersByTimeAsync(1000);
  expect(work.running()).toBe(1);
  expect(work.started()).toBe(2);
});

test("work that has ended is not started again", async () => {
  const work = longWork();
  const idle = idleWork(work.run);
  await vi.advanceTimersByTimeAsync(1000);
  work.finish();
  await vi.advanceTimersByTimeAsync(0);
  idle.pause()();
  await vi.advanceTimersByTimeAsync(5000);
  expect(work.started()).toBe(1);
});

test("stop waits until the work has ended", async () => {
  const work = longWork();
  const idle = idleWork(work.run);
  await vi.advanceTimersByTimeAsync(1000);
  await idle.stop();
  expect(work.running()).toBe(0);
  idle.pause()();
  await vi.advanceTimersByTimeAsync(5000);
  expect(work.started()).toBe(1);
});
