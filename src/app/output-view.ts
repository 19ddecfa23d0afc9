import type { Announcer } from "./announce.ts";
import { byId, prefersReducedMotion } from "./dom.ts";

/**
 * The text of one continuation: the prompt in a quieter tone, then what the model writes. Everything is a text node, so
 * nothing a model writes can become markup.
 */
export function createOutputView(announcer: Announcer) {
  const panel = byId("output-panel", HTMLElement);
  const given = byId("output-given", HTMLElement);
  const written = byId("output-written", HTMLElement);
  const ending = byId("output-ending", HTMLElement);
  let text = new Text();

  return {
    /** Shows the prompt and empties the rest; where the text is shown. */
    begin(prompt: string): HTMLElement {
      text = new Text();
      announcer.begin();
      given.textContent = prompt;
      written.replaceChildren(text);
      ending.textContent = "";
      panel.classList.remove("is-empty");
      panel.classList.add("is-writing");
      return written;
    },
    append(piece: string): void {
      if (text.length === 0 && piece !== "") {
        panel.scrollIntoView({ block: "nearest", behavior: prefersReducedMotion() ? "auto" : "smooth" });
      }
      text.appendData(piece);
      announcer.grow(piece);
    },
    /** Says how it ended, under the text and aloud. */
    end(message: string): void {
      panel.classList.remove("is-writing");
      ending.textContent = message;
      announcer.end(message);
    },
  };
}
