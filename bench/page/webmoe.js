import { countedWorker } from "./counts.js";
import { WebMoE } from "./lib/webmoe.js";

/** No store of a local server takes longer. */
const STORE_LIMIT_MS = 600_000;

/** `counted` runs the engine in a worker that counts its readbacks and its WASM memory. */
export async function webmoe(url, { counted = false, ...options }) {
  const worker = counted ? countedWorker() : undefined;
  const model = await WebMoE.load(url, { ...options, ...(worker && { workerUrl: worker.workerUrl }) });
  return {
    async generate(prompt, tokens, onToken) {
      let count = 0;
      const settings = { temperature: 0, repeatPenalty: 1, ignoreEos: true, maxTokens: tokens };
      for await (const { id } of model.generate(prompt.ids, settings)) {
        count++;
        onToken(id);
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
    stats: async () => ({ ...(await model.stats()), ...(await worker?.counts()) }),
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
