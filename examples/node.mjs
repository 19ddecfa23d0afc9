import { fileURLToPath } from "node:url";
import { WebMoE } from "webmoe/node";

const path = fileURLToPath(new URL("../public/models/demo-moe-q4_k.gguf", import.meta.url));
const model = await WebMoE.load(path);
for await (const { text } of model.generate("Once upon a time", { maxTokens: 100, seed: 1 })) process.stdout.write(text);
const { decodeTokensPerSecond, expertHits, expertMisses } = await model.stats();
console.log(`\n${decodeTokensPerSecond.toFixed(0)} tokens/s, ${expertHits} hits, ${expertMisses} misses`);
await model.dispose();
