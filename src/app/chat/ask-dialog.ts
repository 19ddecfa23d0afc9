import { byId } from "../dom.ts";

/** Asks before something is done: for a text if `value` is given, else for consent. Undefined means no. */
export function askDialog(question: string, action: string, value?: string): Promise<string | undefined> {
  const dialog = byId("ask", HTMLDialogElement);
  const words = byId("ask-question", HTMLElement);
  const field = byId("ask-field", HTMLInputElement);
  const go = byId("ask-go", HTMLButtonElement);
  words.textContent = question;
  go.textContent = action;
  field.hidden = value === undefined;
  field.value = value ?? "";
  dialog.returnValue = "";
  dialog.showModal();
  if (value !== undefined) field.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "go" ? field.value : undefined), {
      once: true,
    });
  });
}
