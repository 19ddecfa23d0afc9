import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { LoadOptions } from "../api/options.ts";
import { loadModel } from "./engine.ts";
import { nodePlatform } from "./node-platform.ts";

const FILE = fileURLToPath(new URL("../../public/models/demo-moe-q4_k.gguf", import.meta.url));

async function generate(options: LoadOptions) {
  const model = await loadModel(FILE, options, nodePlatform());
  const ids: number[] = [];
  for await (const { id } of model.generate("Once upon a time", { temperature: 0, maxTokens: 40 }))
    ids.push(id);
  const stats = await model.stats();
  await model.dispose();
  return { ids, stats };
}

test("routing is exact unless it is asked not to be, and says how far it agrees when it is", async () => {
  const exact = await generate({ expertBudget: "25%" });
  expect(exact.stats.routingAgreement).toBe(1);
  const ways: LoadOptions[] = [{ onMiss: "skip" }, { onMiss: "substitute" }, { cacheMargin: 0.5 }];
  for (const how of ways) {
    const { ids, stats } = await generate({ expertBudget: "25%", ...how });
    expect(ids.length).toBe(40);
    expect(stats.routingAgreement).toBeLessThan(0.99);
    expect(stats.routingAgreement).toBeGreaterThan(0.3);
  }
  const none = await generate({ expertBudget: "25%", onMiss: "wait", cacheMargin: 0 });
  expect(none.ids).toEqual(exact.ids);
});

test("what cannot be is refused by name", async () => {
  await expect(generate({ onMiss: "guess" as never })).rejects.toThrow("onMiss is guess");
  await expect(generate({ cacheMargin: 2 })).rejects.toThrow("cacheMargin is 2");
});
