import { promisifyRequest } from "idb-keyval";
import type { GenerateOptions, Message, ModelInfo, NumericProfile, Token } from "../../index.ts";

/** Everything that an answer's tokens follow from, besides the model file's bytes. */
export interface AnswerStart {
  readonly id: string;
  /** The conversation that it answers in; none for a continued text. */
  readonly conversation: string | undefined;
  /** What was asked, to show it. */
  readonly prompt: string | readonly Message[];
  /** What the model began from: a chat template may read the clock, and write the messages otherwise another time. */
  readonly promptIds: Uint32Array;
  readonly options: Omit<GenerateOptions, "signal"> & { readonly seed: number };
  readonly model: Pick<ModelInfo, "name" | "fileBytes">;
  readonly numerics: NumericProfile;
}

/** An answer that was begun and not ended, with the tokens that were written down. */
export interface CutOffAnswer extends AnswerStart {
  readonly tokens: readonly Token[];
}

export const textOf = (tokens: readonly Token[]): string => tokens.map(({ text }) => text).join("");

/** Answers while they are written: one record for how it began, then one for every few tokens. */
export interface JournalStore {
  begin(start: AnswerStart): Promise<void>;
  /** `sequence` counts an answer's pieces from 1. */
  append(id: string, sequence: number, tokens: readonly Token[]): Promise<void>;
  remove(id: string): Promise<void>;
  /** Oldest first. */
  all(): Promise<CutOffAnswer[]>;
}

const DATABASE = "webmoe-journal";
const PIECES = "pieces";

/**
 * A journal in IndexedDB, keys `[answer, sequence]`. Writes are relaxed: they need not reach the disk before the next
 * one, since what a crash of the whole machine takes is generated again.
 *
 * Errors: what IndexedDB rejects with where it is missing, blocked or full.
 */
export function journalStore(): JournalStore {
  let database: Promise<IDBDatabase> | undefined;

  async function open(): Promise<IDBDatabase> {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(PIECES);
    const opened = await promisifyRequest(request);
    // Another tab deletes or upgrades it: the next use opens it again.
    opened.onversionchange = () => {
      opened.close();
      database = undefined;
    };
    return opened;
  }

  async function within<T>(
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> {
    database ??= open();
    const transaction = (await database).transaction(PIECES, mode, { durability: "relaxed" });
    return promisifyRequest(work(transaction.objectStore(PIECES)));
  }
  const piecesOf = (id: string): IDBKeyRange => IDBKeyRange.bound([id, 0], [id, Number.POSITIVE_INFINITY]);

  return {
    async begin(start) {
      await within("readwrite", (store) => store.put({ ...start, began: Date.now() }, [start.id, 0]));
    },
    async append(id, sequence, tokens) {
      await within("readwrite", (store) => store.put(tokens, [id, sequence]));
    },
    async remove(id) {
      await within("readwrite", (store) => store.delete(piecesOf(id)));
    },
    async all() {
      // In the order of their keys: an answer's beginning, then its pieces as they were written.
      const records: unknown[] = await within("readonly", (store) => store.getAll());
      const answers: (CutOffAnswer & { began: number; tokens: Token[] })[] = [];
      for (const record of records) {
        if (Array.isArray(record)) answers.at(-1)?.tokens.push(...(record as Token[]));
        else answers.push({ ...(record as AnswerStart & { began: number }), tokens: [] });
      }
      return answers.sort((a, b) => a.began - b.began).map(({ began: _, ...answer }) => answer);
    },
  };
}
