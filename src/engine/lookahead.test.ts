import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveStatic } from "../../tools/run/static-server.mjs";
import type { ExpertPrediction } from "../api/options.ts";
import { loadModel } from "./engine.ts";
import { nodePlatform } from "./node-platform.ts";

let site: Awaited<ReturnType<typeof serveStatic>>;
beforeAll(async () => {
  site = await serveStatic({ root: fileURLToPath(new URL("../../public/models", import.meta.url)) });
});
afterAll(() => site.close());

async function generate(prediction: ExpertPrediction) {
  const options = { prediction, expertBudget: "25%", completeInBackground: false } as const;
  const model = await loadModel(`${site.url}demo-moe-q4_k.gguf`, options, nodePlatform());
  const ids: number[] = [];
  for await (const { id } of model.generate("Once", { temperature: 0, maxTokens: 16 })) ids.push(id);
  const { prefetchedBytes, wastedBytes } = await model.stats();
  const { expertBytes } = model.info;
  await model.dispose();
  return { ids, useful: prefetchedBytes / expertBytes, wasted: wastedBytes / expertBytes };
}

test("what guesses changes no token, and the next layer's gate names what its layer then picks", async () => {
  const none = await generate("none");
  expect(none).toMatchObject({ useful: 0, wasted: 0 });
  const gates = await generate("gates");
  expect(gates.useful).toBeGreaterThan(5);
  expect(gates.useful).toBeGreaterThan(3 * gates.wasted);
  expect(gates.ids).toEqual(none.ids);
});
