// @ts-check
/**
 * What a comparison asks of a loaded model. The same file runs in Node and, served beside the built library, in
 * the page; everything in and out of it survives JSON.
 *
 * @typedef {{ kind: "generate", ids: readonly number[], count: number }} GenerateJob greedy, past end of sequence
 * @typedef {{ kind: "logits", ids: readonly number[] }} LogitsJob
 * @typedef {{ kind: "tokenize", text: string }} TokenizeJob
 * @typedef {{ kind: "forced", ids: readonly number[], continuation: readonly number[] }} ForcedJob for each token of
 *   the continuation, given those before it: the likeliest token, and the experts picked for the last one given, all
 *   layers' (none in a dense model)
 * @typedef {GenerateJob | LogitsJob | TokenizeJob | ForcedJob} Job every job answers with a list of numbers
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
  if (job.kind === "forced") return forced(model, job);
  const ids = [];
  const greedy = { temperature: 0, repeatPenalty: 1, ignoreEos: true, maxTokens: job.count };
  for await (const token of model.generate(job.ids, greedy)) ids.push(token.id);
  return ids;
}

/** @param {import("../../../src/api/model.ts").Model} model @param {ForcedJob} job @returns {Promise<number[]>} */
async function forced(model, { ids, continuation }) {
  const answer = [];
  for (let given = 0; given < continuation.length; given++) {
    const logits = await model.evaluate([...ids, ...continuation.slice(0, given)]);
    const likeliest = logits.reduce((best, logit, id) => (logit > (logits[best] ?? 0) ? id : best), 0);
    const { picks } = await model.experts();
    answer.push(likeliest, ...picks);
  }
  return answer;
}
