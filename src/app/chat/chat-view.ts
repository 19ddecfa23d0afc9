import { byId, prefersReducedMotion } from "../dom.ts";
import { type AnswerView, createAnswerView } from "./answer-view.ts";
import type { Conversation, Turn } from "./conversation.ts";

export interface ChatViewEvents {
  /** The question of turn `at` is to be asked in other words. */
  onEdit(at: number, question: string): void;
  /** The last answer is to be written anew. */
  onRegenerate(): void;
}

/** The turns of one conversation. Questions are text nodes; answers are Markdown made safe. */
export function createChatView(events: ChatViewEvents) {
  const log = byId("chat-log", HTMLElement);
  // It scrolls, so the keyboard must reach it.
  log.tabIndex = 0;
  /** What the log shows. A turn is never changed, so one that is still there need not be rendered again. */
  let shown: { readonly turn: Turn; readonly isLast: boolean; readonly element: HTMLElement }[] = [];
  let growing: { view: AnswerView; note: HTMLElement } | undefined;
  let busy = false;

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

  function append(said: Turn, at: number, isLast: boolean): AnswerView | undefined {
    const { role, content, note } = said;
    const turn = document.createElement("article");
    shown.push({ turn: said, isLast, element: turn });
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
    if (isLast) {
      foot.append(button("Regenerate", "Regenerate this answer", events.onRegenerate));
      growing = { view, note: words };
    }
    return view;
  }

  function show({ turns }: Conversation): void {
    growing = undefined;
    const isLast = (at: number): boolean => at === turns.length - 1;
    const changed = shown.findIndex(({ turn, isLast: was }, at) => turn !== turns[at] || was !== isLast(at));
    const kept = changed < 0 ? shown.length : changed;
    for (const { element } of shown.slice(kept)) element.remove();
    shown = shown.slice(0, kept);
    for (const [at, turn] of turns.entries())
      if (at >= kept) void append(turn, at, isLast(at))?.settle(turn.content);
    toEnd();
  }

  return {
    /** Shows a conversation. */
    show,
    /** Begins an answer to the last question. */
    begin(conversation: Conversation): void {
      show(conversation);
      log.classList.add("is-writing");
      append({ role: "assistant", content: "" }, conversation.turns.length, true);
      toEnd();
      log.scrollIntoView({ block: "nearest", behavior: prefersReducedMotion() ? "auto" : "smooth" });
    },
    grow(text: string): void {
      growing?.view.grow(text);
    },
    async end(text: string, note: string): Promise<void> {
      log.classList.remove("is-writing");
      if (growing) growing.note.textContent = note;
      await growing?.view.settle(text);
    },
    /** While an answer is written, nothing can be asked anew. */
    setBusy(next: boolean): void {
      busy = next;
      for (const element of log.querySelectorAll<HTMLButtonElement>(".quiet-button")) element.disabled = next;
    },
  };
}
