import { byId, prefersReducedMotion } from "./dom.ts";
import type { CutOffAnswer } from "./journal/journal-store.ts";

/** A fast model says a word a millisecond: laying out and painting each would cost more than computing it. */
const GROW_MS = 40;

export interface OutputEvents {
  /** A text that was cut off is to be gone on with. */
  onContinue(cutOff: CutOffAnswer): void;
  /** It is not wanted any more: another text takes its place. */
  onDiscard(cutOff: CutOffAnswer): void;
}

/**
 * The text of one continuation: the prompt in a quieter tone, then what the model writes. Everything is a text node, so
 * nothing a model writes can become markup.
 */
export function createOutputView({ onContinue, onDiscard }: OutputEvents) {
  const panel = byId("output-panel", HTMLElement);
  const given = byId("output-given", HTMLElement);
  const written = byId("output-written", HTMLElement);
  const ending = byId("output-ending", HTMLElement);
  const goOn = byId("output-continue", HTMLButtonElement);
  let text = new Text();
  let resumable: CutOffAnswer | undefined;
  let pending = "";
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (text.length === 0 && pending !== "")
      panel.scrollIntoView({ block: "nearest", behavior: prefersReducedMotion() ? "auto" : "smooth" });
    text.appendData(pending);
    pending = "";
  }

  goOn.addEventListener("click", () => {
    if (resumable) onContinue(resumable);
  });

  return {
    /** Shows the prompt and what is known of the rest; where the text is shown. */
    begin(prompt: string, known: string): HTMLElement {
      if (resumable && known === "") onDiscard(resumable);
      resumable = undefined;
      text = new Text(known);
      given.textContent = prompt;
      written.replaceChildren(text);
      ending.textContent = "";
      goOn.hidden = true;
      panel.classList.remove("is-empty");
      panel.classList.add("is-writing");
      return written;
    },
    append(piece: string): void {
      pending += piece;
      timer ??= setTimeout(flush, GROW_MS);
    },
    /** Says how it ended; one that was cut off can be gone on with. */
    end(note: string, cutOff: CutOffAnswer | undefined): void {
      flush();
      panel.classList.remove("is-writing");
      ending.textContent = note;
      resumable = cutOff;
      goOn.hidden = !cutOff;
    },
    setBusy(busy: boolean): void {
      goOn.disabled = busy;
    },
  };
}

export type OutputView = ReturnType<typeof createOutputView>;
