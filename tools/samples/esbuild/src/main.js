import { WebMoE } from "webmoe";

// esbuild leaves `new URL("./worker.js", import.meta.url)` as it is: build.mjs puts the worker's files beside the bundle.
const output = document.querySelector("#output");
const model = await WebMoE.load("/models/demo-moe-q4_k.gguf");
for await (const { text } of model.generate("Once upon a time", { maxTokens: 24, temperature: 0 }))
  output.append(text);
document.body.dataset.done = "true";
