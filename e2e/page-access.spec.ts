/** The page for everyone: axe finds nothing serious in any of its looks, and the keyboard reaches all of it. */
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, test, visit } from "./page/visit.ts";

/** What axe holds to be serious or worse, in words. */
async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
}

const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } } as const;

for (const [name, size] of Object.entries(SIZES))
  for (const colorScheme of ["light", "dark"] as const)
    test(`axe finds no serious violation on a ${name}, ${colorScheme}`, async ({ page, site }) => {
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme });
      const { generate, ending } = await visit(page, site, { backend: "wasm", maxTokens: 24, seed: 5 });
      await page.getByLabel("Prompt").fill("Once upon a time");
      await generate.click();
      await expect(ending).toContainText("Seed 5");
      for (const summary of await page.locator("details > summary").all()) await summary.click();
      await page.getByRole("radio", { name: "URL" }).check();
      await page.getByRole("button", { name: "Load" }).click();
      await expect(page.getByRole("alert")).toContainText("Give the address");
      expect(await violations(page)).toEqual([]);

      await page.getByRole("radio", { name: "demo-moe" }).check();
      await page.getByRole("radio", { name: "Chat" }).check();
      await page
        .getByLabel("Message", { exact: true })
        .fill("Create a JavaScript function that reverses a string.");
      await page.getByRole("button", { name: "Send" }).click();
      await expect(page.locator(".of-assistant .turn-foot p")).toContainText("Seed 5");
      await page.getByRole("button", { name: "Edit this question" }).click();
      expect(await violations(page)).toEqual([]);
    });

test("the keyboard asks, sends, edits, and shows its map", async ({ page, site }) => {
  await visit(page, site, { backend: "wasm", maxTokens: 8 });
  const prompt = page.locator("#prompt");
  await page.getByRole("radio", { name: "Continue text" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("radio", { name: "Chat" })).toBeChecked();
  await page.keyboard.press("?");
  const map = page.getByRole("dialog", { name: "Keys" });
  await expect(map).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await expect(map).toBeHidden();

  await page.locator("#chat-log").focus();
  await page.keyboard.press("/");
  await expect(prompt).toBeFocused();
  await page.keyboard.type("Who?");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("Are you?");
  await page.keyboard.press("Enter");
  await expect(page.locator(".of-user .turn-body")).toHaveText("Who?\nAre you?", { useInnerText: true });
  await expect(page.locator(".of-assistant .turn-foot p")).toContainText("tokens");

  const edit = page.getByRole("button", { name: "Edit this question" });
  await edit.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Question in other words")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(edit).toBeFocused();
});
