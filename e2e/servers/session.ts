/** A model that stays open in a page while things go wrong around it. */
import type { Page } from "@playwright/test";
import type { LoadOptions, Model, Stats } from "../../src/index.ts";
import { PROMPTS, type Prompt, TOKENS } from "./fixtures.ts";

export interface PageSession {
  /** Greedy tokens of a generation. */
  write(prompt: Prompt): Promise<readonly number[]>;
  stats(): Promise<Stats>;
  /** Fulfilled when the store holds the whole model. */
  stored(): Promise<void>;
  dispose(): Promise<void>;
}

type WithModel = typeof globalThis & { model: Model };

export async function openSession(page: Page, url: string, options: LoadOptions): Promise<PageSession> {
  await page.evaluate(
    async ({ address, loadOptions }) => {
      const library = new URL("lib/webmoe.js", location.href).href;
      const { WebMoE } = (await import(library)) as typeof import("../../src/index.ts");
      (globalThis as WithModel).model = await WebMoE.load(address, loadOptions);
    },
    { address: url, loadOptions: options },
  );
  const stats = (): Promise<Stats> => page.evaluate(() => (globalThis as WithModel).model.stats());
  return {
    write: (prompt) =>
      page.evaluate(
        async ({ ids, count }) => {
          const tokens: number[] = [];
          const settings = { maxTokens: count, temperature: 0, ignoreEos: true };
          for await (const { id } of (globalThis as WithModel).model.generate(ids, settings)) tokens.push(id);
          return tokens;
        },
        { ids: PROMPTS[prompt], count: TOKENS },
      ),
    stats,
    async stored() {
      for (;;) {
        const { storedBytes, storableBytes, storeFailures } = await stats();
        if (storedBytes === storableBytes) return;
        if (storeFailures > 0) throw new Error("The store has failed.");
        await new Promise((wake) => setTimeout(wake, 50));
      }
    },
    dispose: () => page.evaluate(() => (globalThis as WithModel).model.dispose()),
  };
}
