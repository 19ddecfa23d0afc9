import { byId } from "../dom.ts";
import type { RoutedText } from "./recording.ts";
import { type TextTokens, textTokens } from "./text-tokens.ts";

/** Texts of this visit that can be asked; older ones are forgotten. */
const MOST_TEXTS = 32;

export interface TokenPickerEvents {
  /** A token is looked at: in passing, or for good. */
  onToken(text: RoutedText, token: number, isForGood: boolean): void;
  /** The pointer has left: what was chosen for good counts again. */
  onLeave(): void;
}

/** Chooses a token of a written text: by pointing at it, or with a slider. */
export function createTokenPicker(events: TokenPickerEvents) {
  const area = byId("token-picker", HTMLElement);
  const slider = byId("token", HTMLInputElement);
  const words = byId("token-words", HTMLElement);
  let texts: { readonly text: RoutedText; readonly tokens: TextTokens }[] = [];
  let current: (typeof texts)[number] | undefined;
  let hovered = -1;
  let frame = 0;

  function show(entry: (typeof texts)[number], token: number): void {
    const { ids, ends, written, passes } = entry.text;
    current = entry;
    slider.max = String(ids.length - 1);
    slider.value = String(token);
    const piece = written.slice(ends[token - 1] ?? 0, ends[token]);
    const isLast = token === ids.length - 1;
    const computed = passes[token]
      ? ""
      : isLast
        ? ", not computed: the text ended with it"
        : ", computed earlier";
    words.textContent = `${token + 1} of ${ids.length}: “${piece.replaceAll("\n", "↵")}”${computed}`;
    slider.setAttribute("aria-valuetext", words.textContent);
    entry.tokens.mark(token);
  }

  slider.addEventListener("input", () => {
    if (!current) return;
    show(current, Number(slider.value));
    events.onToken(current.text, Number(slider.value), true);
  });

  function under(event: MouseEvent): { entry: (typeof texts)[number]; token: number } | undefined {
    const { target, clientX, clientY } = event;
    const entry = texts.find(({ text }) => target instanceof Node && text.element.contains(target));
    if (!entry) return undefined;
    const token = entry.tokens.at(clientX, clientY);
    return token < 0 ? undefined : { entry, token };
  }

  document.addEventListener("pointermove", (event) => {
    if (texts.length === 0 || frame !== 0 || event.pointerType === "touch") return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      const found = under(event);
      if (found) {
        if (found.entry === current && found.token === hovered) return;
        hovered = found.token;
        show(found.entry, found.token);
        events.onToken(found.entry.text, found.token, false);
      } else if (hovered >= 0) {
        hovered = -1;
        current?.tokens.mark(-1);
        events.onLeave();
      }
    });
  });
  document.addEventListener("click", (event) => {
    // Whoever selects words wants the words.
    if (getSelection()?.isCollapsed === false) return;
    const found = under(event);
    if (!found) return;
    show(found.entry, found.token);
    events.onToken(found.entry.text, found.token, true);
  });

  return {
    /** Offers a text that is written; the slider moves to its first token. */
    offer(text: RoutedText): void {
      texts = texts.filter(({ text: old }) => old.element.isConnected && old.element !== text.element);
      const entry = { text, tokens: textTokens(text.element, text.written, text.ends) };
      texts = [...texts.slice(1 - MOST_TEXTS), entry];
      area.hidden = false;
      show(entry, 0);
      entry.tokens.mark(-1);
    },
    /** The token that the slider stands at. */
    chosen: (): { text: RoutedText; token: number } | undefined =>
      current && { text: current.text, token: Number(slider.value) },
    mark: (isShown: boolean): void => current?.tokens.mark(isShown ? Number(slider.value) : -1),
    clear(): void {
      current?.tokens.mark(-1);
      texts = [];
      current = undefined;
      area.hidden = true;
    },
  };
}
