import type { Token } from "../../index.ts";
import type { AnswerStart, CutOffAnswer, JournalStore } from "./journal-store.ts";

/** Tokens are written down when there are this many, or this old. */
const PIECE_TOKENS = 16;
const PIECE_MS = 250;

/** Writes one answer down while it is generated. */
export interface AnswerJournal {
  add(token: Token): void;
  /** The answer has ended: nothing of it needs to be resumed. */
  end(): Promise<void>;
  /** The answer broke off: what was written down stays. */
  breakOff(): Promise<void>;
}

const lockOf = (id: string): string => `webmoe-answer-${id}`;

/**
 * Holds an answer's lock until released; undefined if another tab has it. Without locks, or where they are refused,
 * nobody else is known of.
 */
async function hold(id: string): Promise<(() => void) | undefined> {
  if (!globalThis.navigator?.locks) return () => undefined;
  return new Promise((resolve) => {
    navigator.locks
      .request(lockOf(id), { ifAvailable: true }, (lock) => {
        if (!lock) {
          resolve(undefined);
          return undefined;
        }
        return new Promise<void>((release) => resolve(release));
      })
      // `SecurityError`: storage is blocked for this site.
      .catch(() => resolve(() => undefined));
  });
}

/** A journal that cannot be kept costs no answer: it only cannot be resumed. */
const forgiven = (work: Promise<unknown>): Promise<void> =>
  work.then(
    () => undefined,
    () => undefined,
  );

export function createJournal(store: JournalStore) {
  return {
    /**
     * Begins to write an answer down, or goes on with one that was cut off; undefined if another tab writes it.
     */
    async open(start: AnswerStart, known: readonly Token[]): Promise<AnswerJournal | undefined> {
      const release = await hold(start.id);
      if (!release) return undefined;
      let pending: Token[] = [];
      // Pieces written before were as long as one token at least, so this is behind them all.
      let sequence = known.length;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let writing = known.length > 0 ? Promise.resolve() : forgiven(store.begin(start));
      let isWriting = false;

      /** One write at a time: while it lasts the next piece grows. */
      function flush(): void {
        clearTimeout(timer);
        timer = undefined;
        if (pending.length === 0 || isWriting) return;
        const piece = pending;
        pending = [];
        isWriting = true;
        writing = writing
          .then(() => forgiven(store.append(start.id, ++sequence, piece)))
          .then(() => {
            isWriting = false;
            if (pending.length >= PIECE_TOKENS) flush();
            else if (pending.length > 0) timer ??= setTimeout(flush, PIECE_MS);
          });
      }
      const onHide = (): void => flush();
      globalThis.document?.addEventListener("visibilitychange", onHide);

      function close(): void {
        clearTimeout(timer);
        globalThis.document?.removeEventListener("visibilitychange", onHide);
        release?.();
      }
      return {
        add({ id, text }) {
          pending.push({ id, text });
          if (pending.length >= PIECE_TOKENS) flush();
          else timer ??= setTimeout(flush, PIECE_MS);
        },
        async end() {
          pending = [];
          await writing;
          await forgiven(store.remove(start.id));
          close();
        },
        async breakOff() {
          await writing;
          flush();
          await writing;
          close();
        },
      };
    },
    /** Answers that nobody writes any more. */
    async cutOff(): Promise<CutOffAnswer[]> {
      const all = await store.all().catch(() => []);
      const orphans: CutOffAnswer[] = [];
      for (const answer of all) {
        const release = await hold(answer.id);
        release?.();
        if (release) orphans.push(answer);
      }
      return orphans;
    },
    /** Forgets an answer that was cut off. */
    discard: (id: string): Promise<void> => forgiven(store.remove(id)),
  };
}
