import type { Announcer } from "./announce.ts";
import type { ChatPanel } from "./chat/chat-panel.ts";
import { titleFrom } from "./chat/conversation.ts";
import type { Subject } from "./experts/recording.ts";
import { type AnswerStart, type CutOffAnswer, textOf } from "./journal/journal-store.ts";
import type { OutputView } from "./output-view.ts";

/** Where a text goes: the continuation of a prompt, or the next answer of a conversation. */
export interface Writer {
  readonly prompt: AnswerStart["prompt"];
  readonly subject: Subject;
  /** What was written before it was cut off, if this goes on with it. */
  readonly cutOff: CutOffAnswer | undefined;
  /** Shows the prompt and what is known of the text; where the text is shown. */
  begin(): HTMLElement;
  append(piece: string): void;
  /** Says how the text ended; `cutOff`: it broke off, and can be gone on with. */
  end(note: string, cutOff: CutOffAnswer | undefined): void | Promise<void>;
}

export function createWriters(output: OutputView, chat: ChatPanel, announcer: Announcer) {
  return {
    /** Goes on with a text. */
    continuation(prompt: string, cutOff?: CutOffAnswer): Writer {
      return {
        prompt,
        cutOff,
        subject: { id: crypto.randomUUID(), title: titleFrom(prompt), isKept: false },
        begin() {
          announcer.begin();
          return output.begin(prompt, textOf(cutOff?.tokens ?? []));
        },
        append(piece) {
          output.append(piece);
          announcer.grow(piece);
        },
        end(note, broken) {
          output.end(note, broken);
          announcer.end(note);
        },
      };
    },
    /** Answers the last question of the conversation shown. */
    answer(system: string, cutOff?: CutOffAnswer): Writer {
      return {
        prompt: cutOff?.prompt ?? chat.messages(system),
        cutOff,
        subject: chat.subject(),
        begin() {
          announcer.begin();
          return chat.begin(textOf(cutOff?.tokens ?? []));
        },
        append(piece) {
          chat.append(piece);
          announcer.grow(piece);
        },
        async end(note, broken) {
          announcer.end(note);
          await chat.end(note, broken);
        },
      };
    },
  };
}
