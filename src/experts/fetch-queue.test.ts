import { expect, test } from "vitest";
import { createFetchQueue, MAX_REQUESTS } from "./fetch-queue.ts";
import { abortedError } from "./source/checks.ts";
import type { Source } from "./source/source.ts";

const FAR = 1024 * 1024;

/** A source whose reads end when the test says so. */
function heldSource(): {
  source: Source;
  reads: { offset: number; length: number; aborted: boolean; arrive(): void; fail(error: Error): void }[];
} {
  const reads: ReturnType<typeof heldSource>["reads"] = [];
  const source: Source = {
    name: "held",
    identity: "held",
    size: 2 ** 40,
    validator: undefined,
    remote: true,
    read: (offset, length, signal) =>
      new Promise((resolve, reject) => {
        const read = {
          offset,
          length,
          aborted: false,
          arrive: () => resolve(Uint8Array.from({ length }, (_, i) => (offset + i) & 255)),
          fail: reject,
        };
        signal?.addEventListener("abort", () => {
          read.aborted = true;
          reject(abortedError());
        });
        reads.push(read);
      }),
  };
  return { source, reads };
}

function queueOver(source: Source) {
  let fetched = 0;
  const queue = createFetchQueue({ sources: [source], onFetched: (_file, bytes) => (fetched += bytes) });
  const fetch = (
    offset: number,
    { length = 10, urgency = { demand: true }, signal = new AbortController().signal } = {},
  ): Promise<Uint8Array> => queue.fetch(0, { offset, length }, { urgency, signal });
  return { queue, fetch, fetched: () => fetched };
}

/** Lets everything happen that does not wait for the source. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

test("ranges asked for in one turn come in one request, and each caller gets its own bytes", async () => {
  const { source, reads } = heldSource();
  const { fetch, fetched } = queueOver(source);
  const results = Promise.all([fetch(1000), fetch(0), fetch(500, { length: 3 })]);
  await settle();
  expect(reads).toMatchObject([{ offset: 0, length: 1010 }]);
  reads[0]!.arrive();
  const [first, second, third] = await results;
  expect([first![0], second![0], third![0], third!.length]).toEqual([1000 & 255, 0, 500 & 255, 3]);
  expect(fetched()).toBe(1010);
});

test("equal ranges share one fetch, also one that is on its way", async () => {
  const { source, reads } = heldSource();
  const { fetch } = queueOver(source);
  const first = fetch(0);
  await settle();
  const second = fetch(0);
  await settle();
  expect(reads).toHaveLength(1);
  reads[0]!.arrive();
  expect(await first).toEqual(await second);
});

test("a request that failed is made anew by the next caller", async () => {
  const { source, reads } = heldSource();
  const { fetch } = queueOver(source);
  const first = fetch(0);
  await settle();
  reads[0]!.fail(new Error("broken"));
  await expect(first).rejects.toThrow("broken");
  const second = fetch(0);
  await settle();
  reads[1]!.arrive();
  expect(await second).toHaveLength(10);
});

test("demand goes before prefetch, and prefetch leaves connections free for it", async () => {
  const { source, reads } = heldSource();
  const { fetch } = queueOver(source);
  for (let i = 0; i < 10; i++) void fetch(i * FAR, { urgency: { demand: false } });
  await settle();
  expect(reads).toHaveLength(MAX_REQUESTS - 2);
  for (let i = 20; i < 24; i++) void fetch(i * FAR);
  await settle();
  expect(reads.slice(4).map(({ offset }) => offset / FAR)).toEqual([20, 21]);
  reads[0]!.arrive();
  reads[1]!.arrive();
  await settle();
  expect(reads.slice(6).map(({ offset }) => offset / FAR)).toEqual([22, 23]);
});

test("a waiting prefetch that a demand joins goes first", async () => {
  const { source, reads } = heldSource();
  const { queue, fetch } = queueOver(source);
  const late = { demand: false };
  for (let i = 0; i < 10; i++) void fetch(i * FAR, { urgency: i === 9 ? late : { demand: false } });
  await settle();
  void fetch(8 * FAR);
  await settle();
  expect(reads.at(-1)!.offset / FAR).toBe(8);
  late.demand = true;
  queue.urgencyChanged();
  await settle();
  expect(reads.at(-1)!.offset / FAR).toBe(9);
});

test("what one caller leaves goes on for the others, and ends with the last", async () => {
  const { source, reads } = heldSource();
  const { fetch } = queueOver(source);
  const [one, two] = [new AbortController(), new AbortController()];
  const left = fetch(0, { signal: one.signal });
  const stays = fetch(0, { signal: two.signal });
  await settle();
  one.abort();
  await expect(left).rejects.toMatchObject({ code: "aborted" });
  expect(reads[0]!.aborted).toBe(false);
  two.abort();
  await expect(stays).rejects.toMatchObject({ code: "aborted" });
  expect(reads[0]!.aborted).toBe(true);
});

test("a request is aborted only when none of its ranges is wanted", async () => {
  const { source, reads } = heldSource();
  const { fetch } = queueOver(source);
  const controller = new AbortController();
  const left = fetch(0, { signal: controller.signal });
  const stays = fetch(100);
  await settle();
  controller.abort();
  await expect(left).rejects.toMatchObject({ code: "aborted" });
  expect(reads).toMatchObject([{ offset: 0, length: 110, aborted: false }]);
  reads[0]!.arrive();
  expect(await stays).toHaveLength(10);
});

test("what is aborted before its turn is never requested", async () => {
  const { source, reads } = heldSource();
  const { fetch } = queueOver(source);
  for (let i = 0; i < MAX_REQUESTS; i++) void fetch(i * FAR);
  const controller = new AbortController();
  const left = fetch(50 * FAR, { signal: controller.signal });
  await settle();
  controller.abort();
  await expect(left).rejects.toMatchObject({ code: "aborted" });
  for (const read of reads) read.arrive();
  await settle();
  expect(reads).toHaveLength(MAX_REQUESTS);
});

test("the bytes on their way are bounded", async () => {
  const { source, reads } = heldSource();
  const { fetch } = queueOver(source);
  const length = 10 * FAR;
  for (let i = 0; i < 4; i++) fetch(i * 100 * FAR, { length }).catch(() => undefined);
  await settle();
  expect(reads).toHaveLength(2);
  reads[0]!.fail(new Error("broken"));
  await settle();
  expect(reads).toHaveLength(3);
});

test("demandSettled waits for demand on its way and not for prefetch", async () => {
  const { source, reads } = heldSource();
  const { queue, fetch } = queueOver(source);
  void fetch(0, { urgency: { demand: false } });
  await queue.demandSettled();
  void fetch(FAR);
  let settled = false;
  const waiting = queue.demandSettled().then(() => {
    settled = true;
  });
  await settle();
  expect(settled).toBe(false);
  reads[1]!.arrive();
  await waiting;
});
