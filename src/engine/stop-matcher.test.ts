import { expect, test } from "vitest";
import { stopMatcher } from "./stop-matcher.ts";

/** What a reader sees of `text`, pushed in pieces of `size`. */
function streamed(text: string, size: number, stops: string[]): string {
  const matcher = stopMatcher(stops);
  let seen = "";
  for (let at = 0; at < text.length; at += size) {
    const result = matcher.push(text.slice(at, at + size));
    seen += result.text;
    if (result.stopped) return seen;
  }
  return seen + matcher.end();
}

test("text ends before the earliest stop string, wherever the stream is cut", () => {
  for (const size of [1, 2, 3, 5, 100]) {
    expect(streamed("one two three END four", size, ["END", "three"])).toBe("one two ");
    expect(streamed("aaab", size, ["aab"])).toBe("a");
    expect(streamed("no stop here EN", size, ["END"])).toBe("no stop here EN");
    expect(streamed("plain", size, [])).toBe("plain");
  }
});

test("text that cannot become a stop string is not held back", () => {
  const matcher = stopMatcher(["\n\nUser:"]);
  expect(matcher.push("Hello").text).toBe("Hello");
  expect(matcher.push(" there\n").text).toBe(" there");
  expect(matcher.push("x").text).toBe("\nx");
});
