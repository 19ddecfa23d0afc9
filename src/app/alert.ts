import { byId } from "./dom.ts";
import { explain } from "./errors.ts";

/** The one place where failures are said; spoken at once, and gone with the next attempt. */
export function createAlert() {
  const area = byId("alert", HTMLElement);

  function clear(): void {
    area.replaceChildren();
  }

  return {
    clear,
    /** Shows a failure. Stopping is none. */
    show(error: unknown): void {
      const explanation = explain(error);
      if (!explanation) return;
      const headline = document.createElement("p");
      headline.className = "alert-headline";
      headline.textContent = explanation.headline;
      const detail = document.createElement("p");
      detail.className = "alert-detail";
      detail.textContent = explanation.detail;
      const close = document.createElement("button");
      close.type = "button";
      close.textContent = "Dismiss";
      close.addEventListener("click", clear);
      const words = document.createElement("div");
      words.append(headline, ...(explanation.detail === "" ? [] : [detail]));
      area.replaceChildren(words, close);
    },
  };
}
