/** An answer that a closed tab cut off goes on with the tokens it would have had. */
import type { BrowserContext, Page } from "@playwright/test";
import { expect, type Served, slowDown, test, visit } from "./page/visit.ts";

const SETUP = { backend: "wasm", maxTokens: 150, seed: 5 } as const;
const QUESTION = "Tell me a story about a dragon.";

/** The page in a tab that can be closed, and whose tokens come slowly enough to be cut off. */
async function slowVisit(context: BrowserContext, site: Served) {
  const page = await context.newPage();
  await slowDown(page);
  return { page, ...(await visit(page, site, { ...SETUP, maxTokens: 400 })) };
}

const answerIn = (page: Page) => page.locator(".of-assistant .turn-body").last();

async function whole(page: Page, site: Served, mode: "Chat" | "Continue text"): Promise<string> {
  const { written, ending } = await visit(page, site, { ...SETUP, maxTokens: 400 });
  await page.getByRole("radio", { name: mode }).check();
  await page.locator("#prompt").fill(QUESTION);
  await page.locator("#generate").click();
  if (mode === "Chat") {
    await expect(page.locator(".of-assistant .turn-foot p")).toContainText("Seed 5");
    return answerIn(page).innerText();
  }
  await expect(ending).toContainText("Seed 5");
  return (await written.textContent())!;
}

/** Leaves a later answer that was cut off too, in a conversation that is gone by now. */
const orphanAnswer = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    const opening = indexedDB.open("webmoe-journal");
    await new Promise((done) => {
      opening.onsuccess = done;
    });
    const transaction = opening.result.transaction("pieces", "readwrite");
    const pieces = transaction.objectStore("pieces");
    const reading = pieces.getAll();
    reading.onsuccess = () => {
      const [start, tokens] = reading.result as [{ began: number }, { text: string }[]];
      const other = { ...start, id: "orphan", conversation: "gone", began: start.began + 1 };
      pieces.put(other, ["orphan", 0]);
      pieces.put(
        tokens.map((token) => ({ ...token, text: " other" })),
        ["orphan", 1],
      );
    };
    await new Promise((done) => {
      transaction.oncomplete = done;
    });
    opening.result.close();
  });

for (const mode of ["Chat", "Continue text"] as const)
  test(`${mode}: an answer cut off by a closed tab is shown at the next visit, and continued word for word`, async ({
    page,
    site,
    context,
  }) => {
    const text = await whole(page, site, mode);
    if (mode === "Chat") {
      await page.getByRole("button", { name: "Delete" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    }

    const first = await slowVisit(context, site);
    await first.page.getByRole("radio", { name: mode }).check();
    await first.page.locator("#prompt").fill(QUESTION);
    await first.page.locator("#generate").click();
    const growing = mode === "Chat" ? answerIn(first.page) : first.written;
    await expect
      .poll(async () => (await growing.textContent())?.length, { intervals: [20] })
      .toBeGreaterThan(80);
    await first.page.close();
    if (mode === "Chat") await orphanAnswer(page);

    const { ending, written } = await visit(page, site, SETUP);
    const notice = page.getByRole("status").filter({ hasText: "An answer was cut off" });
    await expect(notice).toBeVisible();
    await page.getByRole("radio", { name: mode }).check();
    const shown = mode === "Chat" ? answerIn(page) : written;
    const note = mode === "Chat" ? page.locator(".of-assistant .turn-foot p").last() : ending;
    await expect(note).toHaveText(/^Cut off after \d+ tokens\.$/);
    const partial = (await shown.innerText()).trim();
    expect(partial.length).toBeGreaterThan(20);
    expect(partial.length).toBeLessThan(text.trim().length);
    const goOn = page.getByRole("button", { name: /^Continue this/ });
    await expect(goOn).toBeVisible();
    await (mode === "Chat" ? notice.getByRole("button", { name: "Continue" }) : goOn).click();
    await expect(notice).toBeHidden();
    await expect(note).toContainText("Seed 5");
    expect((mode === "Chat" ? await shown.innerText() : await shown.textContent())!).toBe(text);

    await page.reload();
    await expect(page.getByRole("button", { name: /^Continue this/ })).toBeHidden();
    await expect(notice).toBeHidden();
  });
