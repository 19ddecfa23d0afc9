/** Conversations: asked, answered, kept, and changed, in the built page. */
import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { expect, type Served, stopAtFirstWord, test, visit } from "./page/visit.ts";

async function chat(page: Page, site: Served, maxTokens = 24) {
  const opened = await visit(page, site, { backend: "wasm", maxTokens, seed: 5 });
  await page.getByRole("radio", { name: "Chat" }).check();
  const log = page.getByRole("region", { name: "Conversation", exact: true });
  const message = page.getByLabel("Message", { exact: true });
  return {
    ...opened,
    log,
    message,
    turns: log.getByRole("article"),
    /** The note under the last answer. */
    note: log.locator(".of-assistant .turn-foot p").last(),
    chooser: page.getByLabel("Conversation", { exact: true }).and(page.locator("select")),
    async ask(question: string): Promise<void> {
      await message.fill(question);
      await message.press("Enter");
    },
  };
}

test("a conversation is answered, kept over a reload, edited, regenerated, renamed, exported and deleted", async ({
  page,
  site,
}) => {
  const first = await chat(page, site);
  await first.ask("Who are you?");
  await expect(first.note).toContainText("Seed 5");
  await first.ask("Tell me a story about a dragon.");
  await expect(first.turns).toHaveCount(4);
  await expect(first.note).toContainText("Seed 5");
  const answer = await first.turns.nth(3).locator(".turn-body").innerText();
  expect(answer.trim()).not.toBe("");
  await expect(first.message).toHaveValue("");

  const again = await chat(page, site);
  await expect(again.turns).toHaveCount(4);
  await expect(again.turns.nth(3).locator(".turn-body")).toHaveText(answer, { useInnerText: true });
  await page.getByRole("button", { name: "Regenerate this answer" }).click();
  await expect(again.note).toContainText("Seed 5");
  // The same seed after the same conversation: the same words, whoever computed the beginning.
  await expect(again.turns.nth(3).locator(".turn-body")).toHaveText(answer, { useInnerText: true });

  await page.getByRole("button", { name: "Edit this question" }).first().click();
  await page.getByLabel("Question in other words").fill("What is a <b>robin</b>?");
  await page.getByRole("button", { name: "Ask again" }).click();
  await expect(again.turns).toHaveCount(2);
  await expect(again.note).toContainText("Seed 5");
  await expect(again.turns.first()).toContainText("What is a <b>robin</b>?");

  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Name of this conversation" }).fill("Birds");
  await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
  await expect(again.chooser.locator("option:checked")).toHaveText("Birds");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export", exact: true }).click();
  const file = await (await download).path();
  const { title, messages } = JSON.parse(await readFile(file, "utf8"));
  expect(title).toBe("Birds");
  expect(messages).toMatchObject([
    { role: "user", content: "What is a <b>robin</b>?" },
    { role: "assistant" },
  ]);

  await page.getByRole("button", { name: "New", exact: true }).click();
  await expect(again.turns).toHaveCount(0);
  await again.chooser.selectOption({ label: "Birds" });
  await expect(again.turns).toHaveCount(2);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(again.turns).toHaveCount(0);
  await page.reload();
  await expect(page.getByLabel("Conversation", { exact: true }).locator("option")).toHaveText([
    "New conversation",
  ]);
});

test("Stop keeps what was written, and the answer can be had anew", async ({ page, site }) => {
  const { ask, note, turns } = await chat(page, site, 300);
  await stopAtFirstWord(page);
  await ask("Tell me a long story about a farm.");
  await expect(turns.nth(1).locator(".turn-body")).not.toBeEmpty();
  await expect(note).toContainText("stopped");
  await expect(page.getByRole("button", { name: "Regenerate this answer" })).toBeEnabled();
});
