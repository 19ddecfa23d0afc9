import { byId } from "../dom.ts";

/** The last question: there is one dialog, so each waits for the answer to the one before. */
let last: Promise<unknown> = Promise.resolve();

/** Asks before something is done: for a text if `value` is given, else for consent. Undefined means no. */
export function askDialog(question: string, action: string, value?: string): Promise<string | undefined> {
  const answer = last.then(() => ask(question, action, value));
  last = answer.catch(() => undefined);
  return answer;
}

function ask(question: string, action: string, value?: string): Promise<string | undefined> {
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
