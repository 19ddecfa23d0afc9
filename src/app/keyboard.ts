import { byId } from "./dom.ts";
import { remember, remembered } from "./remember.ts";

const SWITCH = "webmoe-single-keys";

/**
 * Keys that mean something outside of text fields: `?` shows the map of all keys, `/` goes to the prompt. Who speaks to
 * the computer or presses keys by accident can switch single keys off (WCAG 2.1.4).
 */
export function createKeyboardMap(): void {
  const map = byId("keys", HTMLDialogElement);
  const prompt = byId("prompt", HTMLTextAreaElement);
  const singleKeys = byId("single-keys", HTMLInputElement);
  singleKeys.checked = remembered(SWITCH) !== "off";
  singleKeys.addEventListener("change", () => remember(SWITCH, singleKeys.checked ? "on" : "off"));
  const open = (): void => {
    if (!document.querySelector("dialog[open]")) map.showModal();
  };
  byId("keys-open", HTMLButtonElement).addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    const isTyping =
      event.target instanceof HTMLElement &&
      event.target.matches('input:not([type="radio"], [type="range"]), textarea, select');
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
      return;
    if (!singleKeys.checked) return;
    if (event.key === "?") open();
    else if (event.key === "/") prompt.focus();
    else return;
    event.preventDefault();
  });
}
