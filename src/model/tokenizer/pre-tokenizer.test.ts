import { expect, test } from "vitest";
import { PRE_TOKENIZER_NAMES, preTokenizer, splitWords } from "./pre-tokenizer.ts";

const cut = (name: string, text: string): string => splitWords(text, preTokenizer(name)).join("|");

test("patterns cut one after the other, each the pieces of the one before", () => {
  expect(cut("deepseek-v3", "a1234b 漢字かな!x  y")).toBe("a|123|4|b| |漢字かな|!x| | y");
  expect(cut("refact", " 12 ab")).toBe(" |1|2| ab");
  expect(cut("deepseek-coder", "a b1漢字.\n\n c")).toBe("a| b|1|漢字|.|\n|\n| c");
  expect(cut("chameleon", "a\tb  IMGIMGABZ12")).toBe("a|\t|b|  |IMGIMGABZ|1|2");
});

// Each confirmed by llama.cpp's ids under that name (tools/conformance/tokenizers).
const cuts: Record<string, string> = {
  tekken: "Hello|WORLD| it|'s| |1|2|3|4|5|6|7| naïveÄ|B| x|/\r\n\n| | don|'T| «|a|»| 漢字|。|  \t",
  "gpt-4o": "Hello|WORLD| it's| |123|456|7| naïveÄ|B| x|/\r\n\n| | don'T| «|a|»| 漢字|。|  \t",
  falcon: "HelloWORLD| it|'|s| |123|456|7| naïveÄB| x|/|\r\n\n | don|'|T| |«|a|»| 漢字|。|  \t",
  youtu: "HelloWORLD| it's| |1|2|3|4|5|6|7| naïveÄB| x|/\r\n\n| | don'T| «|a|»| |漢字|。|  \t",
  "seed-coder": "HelloWORLD| it|'s| |1|2|3|4|5|6|7| naïveÄB| x|/|\r\n\n| | don|'T| «|a|»| 漢字|。|  \t",
  "exaone-moe": "HelloWORLD it|'s| |1|2|3|4|5|6|7| naïveÄB x|/\r|\n\n| | don|'T| «|a|»| 漢字|。|  \t",
  viking: "HelloWORLD| it's| |1|2|3|4|5|6|7| naïveÄB| x/|\r\n\n | don'T| «a»| 漢字|。  \t",
  laguna: "HelloWORLD| it|'s| |1|2|3|4|5|6|7| naïveÄB| x|/\r|\n\n| | don|'T| «|a|»| 漢字|。|  \t",
  // Its signs run from the colon to the tilde, letters of ASCII included.
  "deepseek-llm": "HelloWORLD| it|'|s| |1234567| na|ï|ve|Ä|B| x|/|\r|\n|\n| | don|'|T| «|a|» |漢字|。|  \t",
};

test.each(Object.entries(cuts))(
  "%s cuts cases, signs, digits and line breaks its own way",
  (name, expected) => {
    expect(cut(name, "HelloWORLD it's 1234567 naïveÄB x/\r\n\n  don'T «a» 漢字。  \t")).toBe(expected);
  },
);

test("marks belong to words only where the pattern says so", () => {
  expect(cut("qwen35", "cafe\u0301s")).toBe("cafe\u0301s");
  expect(cut("qwen2", "cafe\u0301s")).toBe("cafe|\u0301s");
});

test("white space is never among DeepSeek's signs and ideographs, though its ranges hold some", () => {
  expect(cut("deepseek-llm", "a\u3000\u3001\u2003漢\u1680ก")).toBe("a|\u3000|\u3001|\u2003|漢|\u1680|ก");
});

test("no pattern loses or adds anything, and long runs of one kind take no time", () => {
  const text = "Ab'S 12 \u3000漢e\u0301\r\n😀!? ";
  for (const name of PRE_TOKENIZER_NAMES) {
    expect(splitWords(text.repeat(50), preTokenizer(name)).join("")).toBe(text.repeat(50));
    for (const unit of ["A", "a", "漢", " ", "1", "!", "\n", "\u0301"]) {
      expect(splitWords(unit.repeat(20_000), preTokenizer(name)).join("").length).toBe(20_000);
    }
  }
});
