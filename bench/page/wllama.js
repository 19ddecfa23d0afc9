import { LoggerWithoutDebug, Wllama } from "./wllama/index.js";

export async function wllama(url, { useCache, ...options }) {
  const wasm = new URL("wllama/wasm/wllama.wasm", document.baseURI).href;
  const engine = new Wllama({ default: wasm }, { logger: LoggerWithoutDebug, suppressNativeLog: true });
  await engine.loadModelFromUrl(url, { ...options, useCache });
  return {
    async generate(prompt, tokens, onToken) {
      const chunks = await engine.createCompletion({
        prompt: prompt.text,
        max_tokens: tokens,
        temperature: 0,
        top_k: 1,
        cache_prompt: false,
        ignore_eos: true,
        stream: true,
      });
      let usage;
      for await (const chunk of chunks) {
        if (chunk.choices?.[0]?.text) onToken();
        usage = chunk.usage ?? usage;
      }
      return { promptTokens: usage?.prompt_tokens, tokens: usage?.completion_tokens };
    },
    async facts() {
      const { n_ctx, n_batch, n_ubatch } = engine.getLoadedContextInfo();
      return {
        ran: `llama.cpp ${Wllama.getLibllamaVersion()} in WASM, n_ctx ${n_ctx}, n_batch ${n_batch}, n_ubatch ${n_ubatch}`,
        threads: engine.isMultithread() ? engine.getNumThreads() : 1,
      };
    },
    // The file is whole, in memory and in the cache, before the first token.
    resident: async () => true,
    stored: async () => true,
    close: () => engine.exit(),
  };
}
