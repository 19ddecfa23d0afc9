// @ts-check
/**
 * What a comparison asks of a loaded model. The same file runs in Node and, served beside the built library, in
 * the page; everything in and out of it survives JSON.
 *
 * @typedef {{ kind: "generate", ids: readonly number[], count: number }} GenerateJob greedy, past end of sequence
 * @typedef {{ kind: "logits", ids: readonly number[] }} LogitsJob
 * @typedef {{ kind: "tokenize", text: string }} TokenizeJob
 * @typedef {GenerateJob | LogitsJob | TokenizeJob} Job every job answers with a list of numbers
 *
 * @typedef {object} JobsResult
 * @property {number[][]} results per job: token ids, or logits
 * @property {import("../../../src/api/info.ts").ModelInfo} info
 * @property {import("../../../src/api/info.ts").Stats} stats after the jobs
 */

/**
 * @param {{ load(source: any, options: any): Promise<import("../../../src/api/model.ts").Model> }} library
 * @param {unknown} source
 * @param {import("../../../src/api/options.ts").LoadOptions} options
 * @param {readonly Job[]} jobs
 * @returns {Promise<JobsResult | { error: { code: string, message: string } }>}
 */
export async function runJobs(library, source, options, jobs) {
  let model;
  try {
    model = await library.load(source, options);
    const results = [];
    for (const job of jobs) results.push(await runJob(model, job));
    return { results, info: model.info, stats: await model.stats() };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { error: { code: "code" in error ? String(error.code) : error.name, message: error.message } };
  } finally {
    await model?.dispose();
  }
}

/** @param {import("../../../src/api/model.ts").Model} model @param {Job} job @returns {Promise<number[]>} */
async function runJob(model, job) {
  if (job.kind === "tokenize") return Array.from(await model.tokenize(job.text));
  if (job.kind === "logits") return Array.from(await model.evaluate(job.ids));
  const ids = [];
  const greedy = { temperature: 0, repeatPenalty: 1, ignoreEos: true, maxTokens: job.count };
  for await (const token of model.generate(job.ids, greedy)) ids.push(token.id);
  return ids;
}
