/**
 * What people do with a model: each function does one thing with it and tells how often it did what. Lengths follow the
 * session's context, so that a slow backend has a shorter round.
 */

const QUESTIONS = [
  "Tell me a story about a dragon and a small boat.",
  "What did the gardener find under the bridge?",
  "Write a scene between a king and his fool.",
  "Explain how bread is made.",
  "And what happened on the next morning?",
  "Write a function that adds two numbers.",
];

const pick = (index) => QUESTIONS[index % QUESTIONS.length];

/** A share of the session's context, in tokens. */
const share = (model, part) => Math.floor(model.info.contextLength * part);

/** Greedy ids of one prompt, the same whatever went before. @returns {Promise<number[]>} */
export async function repeatedPrompt(model) {
  const ids = [];
  const options = { temperature: 0, ignoreEos: true, maxTokens: share(model, 1 / 16) };
  for await (const { id } of model.generate("Once upon a time there was a", options)) ids.push(id);
  return ids;
}

/** Ends with what the engine must say of a stop. */
async function expectAborted(work) {
  const code = await work.then(
    () => "nothing",
    (error) => error.code ?? String(error),
  );
  if (code !== "aborted") throw new Error(`A stopped generation ended with ${code}.`);
}

/** Messages grow until the context is nearly full; the last answer goes to its very end. */
async function conversation(model, round) {
  const messages = [];
  let tokens = 0;
  let turns = 0;
  for (let last = false; !last; turns++) {
    messages.push({ role: "user", content: pick(round + turns) });
    last = (await model.tokenize(messages)).length > share(model, 0.7);
    const options = {
      temperature: 0.8,
      seed: round * 1000 + turns,
      ignoreEos: true,
      ...(!last && { maxTokens: share(model, 0.1) }),
    };
    let content = "";
    for await (const { text } of model.generate(messages, options)) {
      content += text;
      tokens++;
    }
    messages.push({ role: "assistant", content });
  }
  return { tokens, turns, conversations: 1 };
}

/** The Stop button, after a few tokens. */
async function stopInAnswer(model, round) {
  let tokens = 0;
  const controller = new AbortController();
  const options = { seed: round, ignoreEos: true, signal: controller.signal };
  const generating = async () => {
    for await (const _ of model.generate(pick(round), options)) if (++tokens === 5) controller.abort();
  };
  await expectAborted(generating());
  return { tokens, stops: 1 };
}

/** The Stop button, while the prompt is computed. */
async function stopInPrompt(model, round) {
  const controller = new AbortController();
  // Other tokens each round, and none of the control tokens, which come first.
  const prompt = Array.from({ length: share(model, 0.6) }, (_, i) => 3 + ((i * 271 + round * 17) % 8000));
  const generating = async () => {
    for await (const _ of model.generate(prompt, { signal: controller.signal })) break;
  };
  const ended = generating().then(
    () => "first token",
    (error) => error.code,
  );
  setTimeout(() => controller.abort(), 20);
  const code = await ended;
  if (code !== "aborted" && code !== "first token") throw new Error(`A stopped prompt ended with ${code}.`);
  return { stops: 1 };
}

/** A reader that leaves its loop, without a signal. */
async function leaveEarly(model, round) {
  let tokens = 0;
  for await (const _ of model.generate(pick(round + 1), { seed: round, ignoreEos: true }))
    if (++tokens === 3) break;
  return { tokens, "loops left early": 1 };
}

export const ROUND = [stopInAnswer, conversation, stopInPrompt, leaveEarly];
