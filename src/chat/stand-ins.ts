/** The private use area: characters without a meaning of their own. */
const FIRST = 0xe000;
const LAST = 0xf8ff;

/** Replaces characters one for one by others that nobody wrote, and back. */
export interface StandIns {
  hide(text: string): string;
  restore(text: string): string;
}

/** Characters of `texts`, but no white space beside others: templates trim it, and no token is told by it. */
const charactersOf = (texts: Iterable<string>): Set<string> => {
  const characters = new Set<string>();
  for (const text of texts)
    for (const character of text)
      if (text.trim() === "" || character.trim() !== "") characters.add(character);
  return characters;
};

/** Stand-ins for every character of `hidden`, none of which occurs in `present`; undefined if there are too few. */
export function standIns(hidden: Iterable<string>, present: readonly string[]): StandIns | undefined {
  const used = charactersOf(present);
  const forward = new Map<string, string>();
  const back = new Map<string, string>();
  let next = FIRST;
  for (const character of charactersOf(hidden)) {
    while (next <= LAST && used.has(String.fromCharCode(next))) next++;
    if (next > LAST) return undefined;
    const standIn = String.fromCharCode(next++);
    forward.set(character, standIn);
    back.set(standIn, character);
  }
  const mapped = (text: string, table: ReadonlyMap<string, string>): string =>
    Array.from(text, (character) => table.get(character) ?? character).join("");
  return { hide: (text) => mapped(text, forward), restore: (text) => mapped(text, back) };
}
