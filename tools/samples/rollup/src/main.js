import { WebMoE } from "webmoe";

// Rollup leaves `new URL("./worker.js", import.meta.url)` as it is: rollup.config.js copies the worker's files into
// folders of their own, which these two options name.
const output = document.querySelector("#output");
const model = await WebMoE.load("/models/demo-moe-q4_k.gguf", {
  workerUrl: "/webmoe/worker.js",
  wasmUrl: "/wasm/",
});
for await (const { text } of model.generate("Once upon a time", { maxTokens: 24, temperature: 0 }))
  output.append(text);
document.body.dataset.done = "true";
