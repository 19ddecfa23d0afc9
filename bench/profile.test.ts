import { expect, it } from "vitest";
import { timeByPlace } from "./profile.mjs";
import { threadSamples } from "./trace.mjs";

const chunk = (id: string, data: object) => ({ name: "ProfileChunk", pid: 1, id, args: { data } });
const node = (id: number, functionName: string, url?: string) => ({
  id,
  callFrame: { functionName, ...(url !== undefined && { url }) },
});

/** A page that waits, and a worker that waits for 1 ms and then computes. */
const EVENTS = [
  chunk("page", { cpuProfile: { nodes: [node(1, "(idle)")], samples: [1] }, timeDeltas: [9000] }),
  chunk("worker", {
    cpuProfile: {
      nodes: [node(1, "(idle)"), node(2, "asm/compute/quant/q4_k/rowQ4K", "blob:x/compute.wasm")],
      samples: [1, 2],
    },
    timeDeltas: [1000, 2000],
  }),
  { name: "Other", pid: 1, id: "worker", args: {} },
  // Frames of an earlier chunk are known in a later one.
  chunk("worker", {
    cpuProfile: { nodes: [node(3, "run", "worker.js")], samples: [2, 3, 1] },
    timeDeltas: [3000, 500, 250],
  }),
];

it("time is summed by kernel in the thread that works, over the end of its work", () => {
  const threads = threadSamples(EVENTS);
  expect(threads).toHaveLength(2);
  expect(timeByPlace(threads, 100)).toEqual({ rowQ4K: 5, JavaScript: 0.5, waiting: 1 });
  expect(timeByPlace(threads, 3)).toEqual({ rowQ4K: 3, JavaScript: 0.5 });
  expect(timeByPlace([], 1)).toEqual({});
});
