/** One page that lives as long as the soak does; models come and go in it. The runner calls its functions in turn. */
import { ROUND, repeatedPrompt } from "./exercise.js";
import { WebMoE } from "./lib/webmoe.js";

const workerUrl = new URL("worker.js", document.baseURI).href;

/** The model of now. */
let model;
/** What the repeated prompt gave the first time. */
let expected;
let mismatches = 0;

/** Loads a model that is given up as soon as its header is there: whoever opens a page may close it at once. */
async function loadAndStop(source, options) {
  const controller = new AbortController();
  const { signal } = controller;
  const loading = WebMoE.load(source, {
    ...options,
    workerUrl,
    signal,
    onProgress: () => controller.abort(),
  });
  const outcome = await loading.then(
    async (loaded) => {
      await loaded.dispose();
      return "loaded";
    },
    (error) => error.code,
  );
  if (outcome !== "aborted" && outcome !== "loaded") throw new Error(`A stopped load ended with ${outcome}.`);
}

/** Compares the tokens of the repeated prompt with the first ones. @returns {Promise<number>} tokens */
async function checkTokens() {
  const tokens = await repeatedPrompt(model);
  expected ??= tokens.join();
  if (tokens.join() !== expected) mismatches++;
  return tokens.length;
}

/** A new model, after one that was stopped while it loaded. */
globalThis.soakOpen = async (url, options) => {
  const source = new URL(url, document.baseURI).href;
  await loadAndStop(source, options);
  model = await WebMoE.load(source, { ...options, workerUrl });
  // The tokenizer keeps the bytes of every id it has seen: all of them now, or it would seem to leak for a long time.
  await model.detokenize(Uint32Array.from({ length: model.info.vocabSize }, (_, id) => id));
  return model.info;
};

globalThis.soakStats = () => model.stats();

/** Every kind of use once. @returns {Promise<{ done: Record<string, number>, mismatches: number }>} how often what was done */
globalThis.soakRound = async (round) => {
  const done = { tokens: await checkTokens() };
  const trace = round % 2 === 1 ? await model.trace() : undefined;
  for (const use of ROUND) {
    for (const [what, count] of Object.entries(await use(model, round)))
      done[what] = (done[what] ?? 0) + count;
    if (trace) done["trace bytes"] = (done["trace bytes"] ?? 0) + (await trace.read()).length;
  }
  if (trace) {
    done.tokens += await checkTokens();
    done["trace bytes"] += (await trace.stop()).length;
    done.traces = 1;
  }
  return { done, mismatches };
};

globalThis.soakClose = async () => {
  await model.dispose();
  model = undefined;
};

globalThis.benchReady = true;
