import { expect, it } from "vitest";
import { takeAnnouncement } from "./announce.ts";

it("announces whole sentences and keeps the one still being written", () => {
  const first = "Once upon a time there was a small dog named Max who lived in a red barn. ";
  expect(takeAnnouncement(`${first}One day he`)).toEqual({ say: first, keep: "One day he" });
});

it("waits while there is too little to be worth hearing", () => {
  expect(takeAnnouncement("Yes. No. ")).toEqual({ say: "", keep: "Yes. No. " });
});

it("cuts a sentence without end between words and loses nothing", () => {
  const endless = "word ".repeat(60);
  const { say, keep } = takeAnnouncement(`${endless}unfin`);
  expect(say).toBe(endless);
  expect(keep).toBe("unfin");
  expect(takeAnnouncement("x".repeat(300)).say).toHaveLength(300);
});
