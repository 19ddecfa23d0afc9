import { WebMoE } from "./lib/webmoe.js";

/** No store of a local server takes longer. */
const STORE_LIMIT_MS = 600_000;

export async function webmoe(url, options) {
  const model = await WebMoE.load(url, options);
  return {
    async generate(prompt, tokens, onToken) {
      let count = 0;
      const settings = { temperature: 0, repeatPenalty: 1, ignoreEos: true, maxTokens: tokens };
      for await (const _ of model.generate(prompt.ids, settings)) {
        count++;
        onToken();
      }
      return { promptTokens: (await model.tokenize(prompt.text)).length, tokens: count };
    },
    async facts() {
      const { info } = model;
      const { memory, layerCount, expertsPerToken, expertBytes } = info;
      return {
        ran: `${info.numerics.adapter}, ${info.numerics.kernels.join(" ")}, ${info.numerics.activations} activations`,
        activations: info.numerics.activations,
        adapter: info.numerics.adapter,
        threads: info.threads,
        memory,
        /** Weights that a token reads, and all of the embedding, of which it reads a row. */
        tokenBytes: memory.trunkBytes + layerCount * expertsPerToken * expertBytes,
      };
    },
    async resident() {
      const { layerCount, expertCount } = model.info;
      return (await model.stats()).residentExperts === layerCount * expertCount;
    },
    async stored() {
      const limit = performance.now() + STORE_LIMIT_MS;
      while (performance.now() < limit) {
        const { storedBytes, storableBytes } = await model.stats();
        if (storedBytes >= storableBytes) return true;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return false;
    },
    close: () => model.dispose(),
  };
}
