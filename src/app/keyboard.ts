import { byId } from "./dom.ts";

/** Keys that mean something outside of text fields: `?` shows the map of all keys, `/` goes to the prompt. */
export function createKeyboardMap(): void {
  const map = byId("keys", HTMLDialogElement);
  const prompt = byId("prompt", HTMLTextAreaElement);
  const open = (): void => {
    if (!document.querySelector("dialog[open]")) map.showModal();
  };
  byId("keys-open", HTMLButtonElement).addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    const isTyping =
      event.target instanceof HTMLElement &&
      event.target.matches('input:not([type="radio"]), textarea, select');
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
      return;
    if (event.key === "?") open();
    else if (event.key === "/") prompt.focus();
    else return;
    event.preventDefault();
  });
}
