import { takeAnnouncement } from "./announce.ts";
import { byId, prefersReducedMotion } from "./dom.ts";
import type { PromptForm } from "./examples.ts";

/**
 * The text of one generation: the prompt in a quieter tone, then what the model writes. Everything is a text node, so
 * nothing a model writes can become markup. A polite live region outside the text hears it in sentences.
 */
export function createOutputView() {
  const panel = byId("output-panel", HTMLElement);
  const given = byId("output-given", HTMLElement);
  const written = byId("output-written", HTMLElement);
  const ending = byId("output-ending", HTMLElement);
  const announcer = byId("announcer", HTMLElement);
  let text = new Text();
  let pending = "";

  function announce(message: string): void {
    if (message === "") return;
    const line = document.createElement("p");
    line.textContent = message;
    announcer.append(line);
    // A live region speaks what is added; what was spoken need not pile up.
    while (announcer.childElementCount > 4) announcer.firstElementChild?.remove();
  }

  return {
    announce,
    /** Shows the prompt and empties the rest. */
    begin(prompt: string, form: PromptForm): void {
      text = new Text();
      pending = "";
      given.textContent = prompt;
      written.replaceChildren(text);
      ending.textContent = "";
      panel.classList.remove("is-empty");
      panel.classList.toggle("is-answer", form === "question");
      panel.classList.add("is-writing");
    },
    append(piece: string): void {
      if (text.length === 0 && piece !== "") {
        panel.scrollIntoView({ block: "nearest", behavior: prefersReducedMotion() ? "auto" : "smooth" });
      }
      text.appendData(piece);
      const { say, keep } = takeAnnouncement(pending + piece);
      pending = keep;
      announce(say.trim());
    },
    /** Says how it ended, under the text and aloud. */
    end(message: string): void {
      panel.classList.remove("is-writing");
      ending.textContent = message;
      announce(`${pending} ${message}`.trim());
      pending = "";
    },
  };
}
