// @ts-check
/** What the threads of a page do, by Chromium's sampling profiler. */

/**
 * @typedef {object} Sample
 * @property {number} ms since the thread's first sample, when it ended
 * @property {number} taken milliseconds
 * @property {string} name of the function
 * @property {string} url of its script or module; empty for what is none
 *
 * @typedef {{ name: string, args: { data?: any }, id?: string, pid: number }} TraceEvent
 */

/** The samples of each thread. @param {readonly TraceEvent[]} events @returns {Sample[][]} */
export function threadSamples(events) {
  /** @type {Map<string, { frames: Map<number, { functionName: string, url?: string }>, samples: Sample[], ms: number }>} */
  const threads = new Map();
  for (const { name, args, id, pid } of events) {
    if (name !== "Profile" && name !== "ProfileChunk") continue;
    const key = `${pid} ${id}`;
    /** @type {Sample[]} */
    const samples = [];
    const thread = threads.get(key) ?? { frames: new Map(), samples, ms: 0 };
    threads.set(key, thread);
    const { cpuProfile = {}, timeDeltas = [] } = args.data ?? {};
    for (const node of cpuProfile.nodes ?? []) thread.frames.set(node.id, node.callFrame);
    for (const [i, node] of (cpuProfile.samples ?? []).entries()) {
      const taken = (timeDeltas[i] ?? 0) / 1000;
      thread.ms += taken;
      const frame = thread.frames.get(node);
      thread.samples.push({ ms: thread.ms, taken, name: frame?.functionName ?? "", url: frame?.url ?? "" });
    }
  }
  return [...threads.values()].map(({ samples }) => samples);
}

/**
 * Samples all threads of a page while it works.
 * @template T @param {import("playwright").CDPSession} session of the page @param {() => Promise<T>} work
 * @returns {Promise<{ result: T, threads: Sample[][] }>}
 */
export async function sampled(session, work) {
  const includedCategories = ["disabled-by-default-v8.cpu_profiler"];
  await session.send("Tracing.start", {
    transferMode: "ReturnAsStream",
    traceConfig: { recordMode: "recordAsMuchAsPossible", includedCategories },
  });
  const result = await work();
  /** @type {Promise<{ stream?: string }>} */
  const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.end");
  const { stream } = await complete;
  if (!stream) throw new Error("The browser gave no trace.");
  let text = "";
  for (;;) {
    const { data, eof, base64Encoded } = await session.send("IO.read", { handle: stream });
    text += base64Encoded ? Buffer.from(data, "base64").toString("utf8") : data;
    if (eof) break;
  }
  await session.send("IO.close", { handle: stream });
  return { result, threads: threadSamples(JSON.parse(text).traceEvents) };
}
