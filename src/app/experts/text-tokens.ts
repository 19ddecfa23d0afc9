import { alignText } from "./align.ts";

/** A token highlighted in the text, by this name in the stylesheet. */
const HIGHLIGHT = "routed-token";

/** Which token of a text stands at a point of the page, and where a token stands, without an element a token. */
export interface TextTokens {
  /** Index of the token under a point of the viewport, CSS pixels; -1 if none is. */
  at(x: number, y: number): number;
  /** Marks a token in the text; -1 unmarks. */
  mark(token: number): void;
}

interface Place {
  readonly node: Text;
  readonly offset: number;
}

/** Text nodes that show what was written: those of buttons were added to it. */
function textNodes(element: HTMLElement): Text[] {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) =>
    node instanceof HTMLButtonElement ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
  );
  const nodes: Text[] = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (node instanceof Text) nodes.push(node);
  return nodes;
}

/** The character under a point: a caret stands between two. */
function characterAt(x: number, y: number): Place | undefined {
  const caret = document.caretPositionFromPoint?.(x, y);
  if (!caret || !(caret.offsetNode instanceof Text)) return undefined;
  const node = caret.offsetNode;
  const range = document.createRange();
  for (const offset of [caret.offset - 1, caret.offset]) {
    if (offset < 0 || offset >= node.length) continue;
    range.setStart(node, offset);
    range.setEnd(node, offset + 1);
    for (const { left, right, top, bottom } of range.getClientRects())
      if (x >= left && x <= right && y >= top && y <= bottom) return { node, offset };
  }
  return undefined;
}

/** `ends`: where each token's text ends in `written`, ascending. The element may be rendered anew at any time. */
export function textTokens(element: HTMLElement, written: string, ends: readonly number[]): TextTokens {
  let known: { nodes: Text[]; starts: number[]; places: Uint32Array } | undefined;

  function look(): NonNullable<typeof known> {
    const nodes = textNodes(element);
    const isSame = known?.nodes.length === nodes.length && known.nodes.every((node, i) => node === nodes[i]);
    const length = nodes.reduce((sum, node) => sum + node.length, 0);
    if (known && isSame && known.places.length === length) return known;
    let total = 0;
    const starts = nodes.map((node) => {
      total += node.length;
      return total - node.length;
    });
    const shown = nodes.map(({ data }) => data).join("");
    known = { nodes, starts, places: alignText(shown, written) };
    return known;
  }

  /** The first token that ends after this place. */
  function tokenAt(place: number): number {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! > place) high = middle;
      else low = middle + 1;
    }
    return low < ends.length ? low : -1;
  }

  return {
    at(x, y) {
      const character = characterAt(x, y);
      if (!character) return -1;
      const { nodes, starts, places } = look();
      const index = nodes.indexOf(character.node);
      return index < 0 ? -1 : tokenAt(places[starts[index]! + character.offset]!);
    },
    mark(token) {
      if (!("highlights" in CSS)) return;
      CSS.highlights.delete(HIGHLIGHT);
      if (token < 0) return;
      const [from, to] = [ends[token - 1] ?? 0, ends[token]!];
      const { nodes, starts, places } = look();
      const ranges: Range[] = [];
      for (const [index, node] of nodes.entries()) {
        let first = -1;
        let last = -1;
        for (let offset = 0; offset < node.length; offset++) {
          const place = places[starts[index]! + offset]!;
          if (place < from || place >= to) continue;
          if (first < 0) first = offset;
          last = offset;
        }
        if (first < 0) continue;
        const range = document.createRange();
        range.setStart(node, first);
        range.setEnd(node, last + 1);
        ranges.push(range);
      }
      if (ranges.length > 0) CSS.highlights.set(HIGHLIGHT, new Highlight(...ranges));
    },
  };
}
