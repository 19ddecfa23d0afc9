import { CONTROL, STRIPS_AFTER, UNKNOWN, USER_DEFINED, type Vocabulary } from "./vocabulary.ts";

/** Text between special tokens, or the id of one. */
export type Fragment = string | number;

/** White space of the C locale. */
const LEADING_SPACE = /^[ \t\n\v\f\r]+/;

/**
 * Cuts special tokens out of text. As in llama.cpp (tokenizer_st_partition), tokens are tried one after the
 * other, longest in UTF-8 first, each wherever it occurs in what the longer ones left; user-defined tokens
 * always, control and unknown ones only if `special`.
 */
export function specialSplitter({
  texts,
  kinds,
}: Vocabulary): (text: string, special: boolean) => Fragment[] {
  const utf8 = new TextEncoder();
  const candidates = texts
    .map((text, id) => ({ id, text, flags: kinds[id]! }))
    .filter(({ flags }) => flags & (CONTROL | USER_DEFINED | UNKNOWN))
    .map(({ id, text, flags }) => ({
      id,
      text,
      hidden: (flags & (CONTROL | UNKNOWN)) !== 0,
      stripsAfter: (flags & STRIPS_AFTER) !== 0,
      length: utf8.encode(text).length,
    }))
    .sort((a, b) => b.length - a.length || a.id - b.id);

  return (text, special) => {
    let fragments: Fragment[] = text === "" ? [] : [text];
    for (const candidate of candidates) {
      if ((candidate.hidden && !special) || !text.includes(candidate.text)) continue;
      fragments = fragments.flatMap((fragment) => {
        if (typeof fragment === "number") return [fragment];
        return fragment
          .split(candidate.text)
          .flatMap((piece, i): Fragment[] => {
            if (i === 0) return [piece];
            return [candidate.id, candidate.stripsAfter ? piece.replace(LEADING_SPACE, "") : piece];
          })
          .filter((piece) => piece !== "");
      });
    }
    return fragments;
  };
}
