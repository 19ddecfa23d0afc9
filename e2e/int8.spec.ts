/** The int8 profile in a real browser: its relaxed SIMD build is not tested in Node, whose first compiler is wrong. */
import { logitsDistance } from "../tools/conformance/compare.mjs";
import type { Report } from "./int8/builds.ts";
import { expect, serveSite, test } from "./serve/fixtures.ts";

test("relaxed SIMD is taken where it is, and computes the bits of plain SIMD in every encoding", async ({
  page,
  sources,
}) => {
  await page.goto(`${sources.url}e2e/int8/index.html`);
  await page.waitForFunction(() => window.compareBuilds !== undefined);
  const { kernels, comparisons }: Report = await page.evaluate(() => window.compareBuilds!());
  expect(kernels).toEqual(["relaxed-simd"]);
  expect(comparisons).toHaveLength(15 * 2 * 3);
  expect(comparisons.filter(({ different, outputs }) => different > 0 || outputs < 21)).toEqual([]);
});

test("a model's logits on int8 activations are near those on f32, and two threads compute the bits of one", async ({
  page,
}) => {
  const site = await serveSite({ isolated: true });
  try {
    await page.goto(site.url);
    const run = (activations: "f32" | "int8", threads: number) =>
      page.evaluate(
        async ({ base, options }) => {
          const { WebMoE } = await import(`${base}lib/webmoe.js`);
          const model = await WebMoE.load(`${base}models/demo-moe-q4_k.gguf`, options);
          const prompt = "Once upon a time, there was a little girl named Lily.";
          const logits: number[] = Array.from(await model.evaluate(await model.tokenize(prompt)));
          const tokens: number[] = [];
          for await (const { id } of model.generate(prompt, { temperature: 0, maxTokens: 12 }))
            tokens.push(id);
          const { numerics, threads } = model.info;
          await model.dispose();
          return { logits, tokens, threads, activations: numerics.activations, kernels: numerics.kernels };
        },
        { base: site.url, options: { backend: "wasm", store: "memory", activations, threads } },
      );
    const exact = await run("f32", 1);
    expect(exact).toMatchObject({ activations: "f32", kernels: ["simd"], threads: 1 });
    const int8 = await run("int8", 1);
    expect(int8).toMatchObject({ activations: "int8", kernels: ["relaxed-simd"], threads: 1 });
    const distance = logitsDistance(int8.logits, exact.logits);
    expect(distance).toBeGreaterThan(0);
    expect(distance).toBeLessThan(0.05);
    expect(await run("int8", 2)).toEqual({ ...int8, threads: 2 });
  } finally {
    await site.close();
  }
});
