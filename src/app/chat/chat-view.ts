import { byId, prefersReducedMotion } from "../dom.ts";
import { type AnswerView, createAnswerView } from "./answer-view.ts";
import type { Conversation, Turn } from "./conversation.ts";

export interface ChatViewEvents {
  /** The question of turn `at` is to be asked in other words. */
  onEdit(at: number, question: string): void;
  /** The last answer is to be written anew. */
  onRegenerate(): void;
  /** The last answer was cut off, and is to be gone on with. */
  onContinue(): void;
}

/** The turns of one conversation. Questions are text nodes; answers are Markdown made safe. */
export function createChatView(events: ChatViewEvents) {
  const log = byId("chat-log", HTMLElement);
  // It scrolls, so the keyboard must reach it.
  log.tabIndex = 0;
  /** What the log shows. A turn is never changed, so one that is still there need not be rendered again. */
  let shown: { turn: Turn; readonly element: HTMLElement }[] = [];
  let growing: { view: AnswerView; body: HTMLElement; note: HTMLElement } | undefined;
  let busy = false;
  const regenerate = button("Regenerate", "Regenerate this answer", events.onRegenerate);
  const goOn = button("Continue", "Continue this answer", events.onContinue);

  const toEnd = (): void => log.scrollTo({ top: log.scrollHeight });
  /** Whoever reads the end goes on reading it; whoever has scrolled up stays there. */
  function keepingEnd(change: () => void): void {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    change();
    if (isAtEnd) toEnd();
  }

  function button(label: string, name: string, act: () => void): HTMLButtonElement {
    const element = document.createElement("button");
    element.type = "button";
    element.className = "quiet-button";
    element.textContent = label;
    element.setAttribute("aria-label", name);
    element.disabled = busy;
    element.addEventListener("click", act);
    return element;
  }

  function editor(turn: HTMLElement, at: number, content: string): void {
    const form = document.createElement("form");
    const field = document.createElement("textarea");
    field.value = content;
    field.rows = 3;
    field.setAttribute("aria-label", "Question in other words");
    const save = document.createElement("button");
    save.className = "primary";
    save.textContent = "Ask again";
    const cancel = document.createElement("button");
    cancel.type = "button";
    cancel.textContent = "Cancel";
    const buttons = document.createElement("div");
    buttons.className = "actions";
    buttons.append(save, cancel);
    form.append(field, buttons);
    const before = [...turn.childNodes];
    const close = (): void => {
      turn.replaceChildren(...before);
      turn.querySelector<HTMLButtonElement>("button")?.focus();
    };
    cancel.addEventListener("click", close);
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      close();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value.trim() !== "" && !busy) events.onEdit(at, field.value);
    });
    turn.replaceChildren(form);
    field.focus();
  }

  function append(said: Turn, at: number): AnswerView | undefined {
    const { role, content, note } = said;
    const turn = document.createElement("article");
    shown.push({ turn: said, element: turn });
    turn.className = `turn of-${role}`;
    const head = document.createElement("h3");
    head.textContent = role === "user" ? "You" : "Model";
    const body = document.createElement("div");
    body.className = "turn-body";
    body.dir = "auto";
    const foot = document.createElement("div");
    foot.className = "turn-foot";
    const words = document.createElement("p");
    words.textContent = note ?? "";
    foot.append(words);
    turn.append(head, body, foot);
    log.append(turn);
    if (role === "user") {
      body.classList.add("as-written");
      body.textContent = content;
      foot.append(button("Edit", "Edit this question", () => editor(turn, at, content)));
      return undefined;
    }
    const view = createAnswerView(body, keepingEnd);
    growing = { view, body, note: words };
    return view;
  }

  /** Only the last answer can be gone on with, if it was cut off, or written anew. */
  function placeButtons(isCutOff: boolean): void {
    goOn.remove();
    regenerate.remove();
    const last = shown.at(-1);
    if (last?.turn.role !== "assistant") return;
    last.element.querySelector(".turn-foot")?.append(...(isCutOff ? [goOn] : []), regenerate);
  }

  function show({ turns }: Conversation, isCutOff: boolean): void {
    const changed = shown.findIndex(({ turn }, at) => turn !== turns[at]);
    const kept = changed < 0 ? shown.length : changed;
    for (const { element } of shown.slice(kept)) element.remove();
    shown = shown.slice(0, kept);
    for (const [at, turn] of turns.entries()) if (at >= kept) void append(turn, at)?.settle(turn.content);
    placeButtons(isCutOff);
    growing = undefined;
    toEnd();
  }

  return {
    /** Shows a conversation; `isCutOff` says so of its last answer. */
    show,
    /** Begins an answer to the last question; where it is shown. */
    begin(conversation: Conversation): HTMLElement {
      show(conversation, false);
      log.classList.add("is-writing");
      append({ role: "assistant", content: "" }, conversation.turns.length);
      placeButtons(false);
      toEnd();
      log.scrollIntoView({ block: "nearest", behavior: prefersReducedMotion() ? "auto" : "smooth" });
      return growing!.body;
    },
    grow(text: string): void {
      growing?.view.grow(text);
    },
    /** The answer is now this turn of the conversation. */
    async end(turn: Turn, isCutOff: boolean): Promise<void> {
      log.classList.remove("is-writing");
      const last = shown.at(-1);
      if (!growing || !last) return;
      last.turn = turn;
      growing.note.textContent = turn.note ?? "";
      placeButtons(isCutOff);
      await growing.view.settle(turn.content);
    },
    /** While an answer is written, nothing can be asked anew. */
    setBusy(next: boolean): void {
      busy = next;
      for (const element of log.querySelectorAll<HTMLButtonElement>(".quiet-button")) element.disabled = next;
      for (const element of [regenerate, goOn]) element.disabled = next;
    },
  };
}
