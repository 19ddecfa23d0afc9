/** How far ahead a shown character is looked for: longer than any markup that leaves no trace. */
const LOOK_AHEAD = 200;

/**
 * For each UTF-16 unit of `shown`, where it stands in `written`. Rendering Markdown leaves characters out and adds few,
 * so the next equal character is nearly always the one; what cannot be found stays where its predecessor was.
 */
export function alignText(shown: string, written: string): Uint32Array {
  const places = new Uint32Array(shown.length);
  let at = 0;
  for (let i = 0; i < shown.length; i++) {
    const character = shown[i]!;
    const found = written.slice(at, at + LOOK_AHEAD).indexOf(character);
    // White space is made and unmade by rendering: it must not pull the place ahead.
    const isSkip = found < 0 || (found > 0 && character.trim() === "");
    places[i] = isSkip ? Math.min(at, Math.max(0, written.length - 1)) : at + found;
    if (!isSkip) at += found + 1;
  }
  return places;
}
