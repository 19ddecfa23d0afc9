import { describe, expect, it } from "vitest";
import { ChoiceError, embeddedModel, modelFromAddress, modelFromFiles } from "./sources.ts";

const PAGE = "https://example.org/somewhere/below/";

describe("model choice", () => {
  it("finds the embedded model beside the page under any sub-path", () => {
    expect(embeddedModel(PAGE).source).toBe("https://example.org/somewhere/below/models/demo-moe-q4_k.gguf");
    expect(embeddedModel(`${PAGE}index.html?x=1`).source).toBe(embeddedModel(PAGE).source);
  });

  it("takes any one address of a split GGUF for all its parts", () => {
    const choice = modelFromAddress("https://host.test/a/big-00002-of-00003.gguf?download=true", PAGE);
    expect(choice.source).toEqual([
      "https://host.test/a/big-00001-of-00003.gguf?download=true",
      "https://host.test/a/big-00002-of-00003.gguf?download=true",
      "https://host.test/a/big-00003-of-00003.gguf?download=true",
    ]);
  });

  it("takes addresses on the Hub, and the Hub's own pages for them", () => {
    const hub = "hf:org/repo/q4/moe.gguf";
    for (const text of [
      hub,
      "https://huggingface.co/org/repo/blob/main/q4/moe.gguf",
      "https://huggingface.co/org/repo/resolve/main/q4/moe.gguf?download=true",
    ])
      expect(modelFromAddress(text, PAGE)).toEqual({ label: "moe.gguf", source: hub });
    expect(modelFromAddress("https://huggingface.co/o/r/blob/refs%2Fpr%2F1/a%20b.gguf", PAGE).source).toBe(
      "hf:o/r@refs%2Fpr%2F1/a%20b.gguf",
    );
    for (const text of [
      "https://huggingface.co/org/repo",
      "https://huggingface.co.evil.test/o/r/blob/main/a",
    ])
      expect(modelFromAddress(text, PAGE).source).toBe(text);
  });

  it("refuses what is no web address", () => {
    for (const text of ["", "   ", "https://", "file:///etc/passwd", "javascript:alert(1)"]) {
      expect(() => modelFromAddress(text, PAGE)).toThrow(ChoiceError);
    }
  });

  it("survives an address that is not valid percent-encoding", () => {
    expect(modelFromAddress("https://host.test/100%.gguf", PAGE).label).toBe("100%.gguf");
  });

  it("picks the GGUF files out of what was dropped, and says so when there is none", () => {
    const gguf = new File(["x"], "Model.GGUF");
    expect(modelFromFiles([new File(["x"], "notes.txt"), gguf]).source).toBe(gguf);
    expect(modelFromFiles([gguf, new File(["y"], "b.gguf")]).source).toHaveLength(2);
    expect(() => modelFromFiles([new File(["x"], "notes.txt")])).toThrow(ChoiceError);
  });
});
