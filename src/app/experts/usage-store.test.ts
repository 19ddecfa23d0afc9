import "fake-indexeddb/auto";
import { expect, it } from "vitest";
import { emptyUsage } from "./usage.ts";
import { usageStore } from "./usage-store.ts";

it("finds a conversation's fingerprint at the next visit, before all are asked for, and a text's at none", async () => {
  const usage = { ...emptyUsage(1, 2), tokens: 3 };
  const first = usageStore();
  const conversation = { id: "c", title: "Birds", model: "m", usage };
  await first.save(conversation, true);
  await first.save({ ...conversation, id: "t" }, false);
  expect(await first.get("m", "t")).toMatchObject({ usage });

  const next = usageStore();
  expect(await next.get("m", "c")).toEqual(conversation);
  expect(await next.get("another", "c")).toBeUndefined();
  expect(await next.get("m", "t")).toBeUndefined();
  await next.remove("c");
  expect(await usageStore().get("m", "c")).toBeUndefined();
});
