// @ts-check
/**
 * llama.cpp's tables of Unicode against the JavaScript engine's, character by character: the pre-tokenizers' patterns
 * rest on both saying the same of every character that llama.cpp knows.
 */

const UNDEFINED = 0x0001;

/** Flags of llama.cpp's `unicode_cpt_flags` that patterns ask for. @type {ReadonlyArray<readonly [number, RegExp]>} */
const CATEGORIES = [
  [0x0002, /\p{N}/u],
  [0x0004, /\p{L}/u],
  [0x0010, /\p{M}/u],
  [0x0020, /\p{P}/u],
  [0x0040, /\p{S}/u],
];

/** @param {string} source @param {string} name @returns {string} the initialiser of a table */
function table(source, name) {
  const start = source.indexOf(`${name} = {`);
  if (start < 0) throw new Error(`llama.cpp's Unicode tables have no ${name}.`);
  return source.slice(start, source.indexOf("};", start));
}

/**
 * @param {string} source llama.cpp's src/unicode-data.cpp
 * @returns {{ different: number[], newer: number }} characters that the two see differently; how many it does not know
 */
export function compareUnicode(source) {
  const starts = [...table(source, "unicode_ranges_flags").matchAll(/\{0x([\dA-F]+), 0x([\dA-F]+)\}/g)].map(
    ([, first, flags]) => ({
      first: Number.parseInt(first ?? "", 16),
      flags: Number.parseInt(flags ?? "", 16),
    }),
  );
  const spaces = new Set(
    [...table(source, "unicode_set_whitespace").matchAll(/0x([\dA-F]+)/g)].map(([, code]) =>
      Number.parseInt(code ?? "", 16),
    ),
  );
  /** @type {number[]} */
  const different = [];
  let newer = 0;
  starts.forEach(({ first, flags }, i) => {
    const end = starts[i + 1]?.first ?? first;
    for (let code = first; code < end; code++) {
      const character = String.fromCodePoint(code);
      const sameSpace = /\p{White_Space}/u.test(character) === spaces.has(code);
      const same = CATEGORIES.every(([flag, pattern]) => pattern.test(character) === ((flags & flag) !== 0));
      if (sameSpace && same) continue;
      if (sameSpace && flags & UNDEFINED) newer++;
      else different.push(code);
    }
  });
  return { different, newer };
}
