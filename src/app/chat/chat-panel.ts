import type { Message } from "../../index.ts";
import { byId } from "../dom.ts";
import { download, fileName } from "../download.ts";
import type { Subject } from "../experts/recording.ts";
import { askDialog } from "./ask-dialog.ts";
import { createChatView } from "./chat-view.ts";
import {
  answer,
  ask,
  type Conversation,
  exported,
  messagesOf,
  newConversation,
  questionIndex,
  renamed,
} from "./conversation.ts";
import { conversationStore } from "./conversation-store.ts";

/** An answer being written is stored this often, so that a closed tab loses little. */
const SAVE_MS = 1000;
const BROKEN_OFF = "Broken off. Regenerate to have it whole.";

export interface ChatPanelEvents {
  /** The last question is to be answered. */
  onAsk(): void;
  /** A conversation was deleted: nothing of it stays. */
  onRemoved(id: string): void;
  /** Conversations cannot be kept: private window, or storage switched off. */
  onNothingKept(): void;
}

/** Conversations: which one is shown, what is done with them, and the answer being written. */
export function createChatPanel(events: ChatPanelEvents) {
  const chooser = byId("conversation", HTMLSelectElement);
  const buttons = (["new", "rename", "export", "delete"] as const).map((name) =>
    byId(`conversation-${name}`, HTMLButtonElement),
  );
  const store = conversationStore(events.onNothingKept);
  // Another tab changed a conversation: what it is and says is looked up again.
  const channel = new BroadcastChannel("webmoe-conversations");
  let current: Conversation = newConversation();
  let known: Conversation[] = [];
  let text = "";
  let saved = 0;
  let busy = false;

  const view = createChatView({
    onEdit(at, question) {
      change(ask(current, question, at));
      events.onAsk();
    },
    onRegenerate: () => events.onAsk(),
  });

  function showChooser(): void {
    const list = known.some(({ id }) => id === current.id) ? known : [current, ...known];
    chooser.replaceChildren(...list.map(({ id, title }) => new Option(title, id, false, id === current.id)));
  }

  /** The conversation is now this: here, in the store, and in other tabs. */
  function change(next: Conversation): void {
    current = next;
    known = [next, ...known.filter(({ id }) => id !== next.id)];
    showChooser();
    void store.save(next).then(() => channel.postMessage("changed"));
  }

  function open(next: Conversation): void {
    current = next;
    showChooser();
    view.show(current);
  }

  async function refresh(): Promise<void> {
    known = await store.all();
    const stored = known.find(({ id }) => id === current.id);
    if (stored && !busy && stored.updated > current.updated) open(stored);
    else showChooser();
  }

  channel.addEventListener("message", () => void refresh());
  chooser.addEventListener("change", () => {
    const chosen = known.find(({ id }) => id === chooser.value);
    if (chosen && !busy) open(chosen);
  });

  const actions: Readonly<Record<string, () => void | Promise<void>>> = {
    "conversation-new": () => {
      open(newConversation());
      byId("prompt", HTMLTextAreaElement).focus();
    },
    async "conversation-rename"() {
      const title = await askDialog("Name of this conversation", "Rename", current.title);
      if (title !== undefined) change(renamed(current, title));
    },
    "conversation-export": () => {
      download(
        `${fileName(current.title)}.json`,
        new Blob([exported(current)], { type: "application/json" }),
      );
    },
    async "conversation-delete"() {
      const consent = await askDialog(`Delete “${current.title}” for good?`, "Delete");
      if (consent === undefined) return;
      await store.remove(current.id);
      events.onRemoved(current.id);
      channel.postMessage("changed");
      known = known.filter(({ id }) => id !== current.id);
      open(known[0] ?? newConversation());
    },
  };
  for (const button of buttons)
    button.addEventListener("click", () => {
      if (!busy) void actions[button.id]?.();
    });

  void store.all().then((all) => {
    known = all;
    if (all[0] && current.turns.length === 0 && !busy) open(all[0]);
    else showChooser();
  });

  return {
    /** Asks a question in the conversation shown. */
    ask(question: string): void {
      change(ask(current, question, current.turns.length));
    },
    /** Whether there is a question to answer. */
    hasQuestion: (): boolean => questionIndex(current) >= 0,
    messages: (system: string): Message[] => messagesOf(current, system),
    /** Begins the answer to the last question; where it is shown. */
    begin(): HTMLElement {
      text = "";
      saved = performance.now();
      current = { ...current, turns: current.turns.slice(0, questionIndex(current) + 1) };
      return view.begin(current);
    },
    /** What is being talked about. */
    subject: (): Subject => ({ id: current.id, title: current.title, isKept: true }),
    append(piece: string): void {
      text += piece;
      view.grow(text);
      if (performance.now() - saved < SAVE_MS) return;
      saved = performance.now();
      void store.save(answer(current, text, BROKEN_OFF));
    },
    async end(note: string): Promise<void> {
      if (text !== "") change(answer(current, text, note));
      await view.end(text === "" ? { role: "assistant", content: "", note } : current.turns.at(-1)!);
    },
    /** While an answer is written, the conversation stays. */
    setBusy(next: boolean): void {
      busy = next;
      chooser.disabled = next;
      for (const button of buttons) button.disabled = next;
      view.setBusy(next);
    },
  };
}

export type ChatPanel = ReturnType<typeof createChatPanel>;
