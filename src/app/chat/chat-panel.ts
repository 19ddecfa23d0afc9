import type { Message } from "../../index.ts";
import { byId } from "../dom.ts";
import { download, fileName } from "../download.ts";
import type { Subject } from "../experts/recording.ts";
import { formatCount } from "../format.ts";
import { type CutOffAnswer, textOf } from "../journal/journal-store.ts";
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

/** Under an answer that broke off. */
export const cutOffNote = (tokens: number): string =>
  `Cut off after ${formatCount(tokens)} ${tokens === 1 ? "token" : "tokens"}.`;

export interface ChatPanelEvents {
  /** The last question is to be answered. */
  onAsk(): void;
  /** The last answer was cut off, and is to be gone on with. */
  onContinue(cutOff: CutOffAnswer): void;
  /** An answer that was cut off is not wanted any more. */
  onDiscard(cutOff: CutOffAnswer): void;
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
  /** By conversation: its last answer, where that was cut off. */
  const cutOffs = new Map<string, CutOffAnswer>();
  let text = "";
  let busy = false;

  const view = createChatView({
    onEdit(at, question) {
      change(ask(current, question, at));
      events.onAsk();
    },
    onRegenerate: () => events.onAsk(),
    onContinue() {
      const cutOff = cutOffs.get(current.id);
      if (cutOff) events.onContinue(cutOff);
    },
  });

  /** Whatever comes next, this answer is not gone on with. */
  function discardCutOff(): void {
    const cutOff = cutOffs.get(current.id);
    if (!cutOff) return;
    cutOffs.delete(current.id);
    events.onDiscard(cutOff);
  }

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
    view.show(current, cutOffs.has(current.id));
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
      discardCutOff();
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

  const loaded = store.all().then((all) => {
    known = all;
    if (all[0] && current.turns.length === 0 && !busy) open(all[0]);
    else showChooser();
  });

  return {
    /** Asks a question in the conversation shown. */
    ask(question: string): void {
      change(ask(current, question, current.turns.length));
    },
    messages: (system: string): Message[] => messagesOf(current, system),
    /** Begins the answer to the last question, or goes on with what is known of it; where it is shown. */
    begin(known: string): HTMLElement {
      text = known;
      if (known === "") discardCutOff();
      current = { ...current, turns: current.turns.slice(0, questionIndex(current) + 1) };
      const element = view.begin(current);
      if (known !== "") view.grow(known);
      return element;
    },
    /** What is being talked about. */
    subject: (): Subject => ({ id: current.id, title: current.title, isKept: true }),
    append(piece: string): void {
      text += piece;
      view.grow(text);
    },
    /** The answer has ended; `cutOff`: it broke off, and can be gone on with. */
    async end(note: string, cutOff: CutOffAnswer | undefined): Promise<void> {
      if (cutOff) cutOffs.set(current.id, cutOff);
      else cutOffs.delete(current.id);
      if (text !== "") change(answer(current, text, note));
      const turn = text === "" ? undefined : current.turns.at(-1);
      await view.end(turn ?? { role: "assistant", content: "", note }, cutOff !== undefined);
    },
    /**
     * Shows answers that an earlier visit did not end, each in its conversation; those whose conversation has gone or
     * gone on are discarded. Returns those that are shown.
     */
    async adopt(answers: readonly CutOffAnswer[]): Promise<CutOffAnswer[]> {
      await loaded;
      const adopted: CutOffAnswer[] = [];
      for (const cutOff of answers) {
        const conversation = known.find(({ id }) => id === cutOff.conversation);
        const question = conversation?.turns[questionIndex(conversation)]?.content;
        const asked = typeof cutOff.prompt === "string" ? undefined : cutOff.prompt.at(-1)?.content;
        if (!conversation || busy || question !== asked) {
          events.onDiscard(cutOff);
          continue;
        }
        adopted.push(cutOff);
        cutOffs.set(conversation.id, cutOff);
        const next = answer(conversation, textOf(cutOff.tokens), cutOffNote(cutOff.tokens.length));
        change(next);
        open(next);
      }
      return adopted;
    },
    /** Shows a conversation that is known. */
    open(id: string): void {
      const wanted = known.find((conversation) => conversation.id === id);
      if (wanted && !busy) open(wanted);
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
