import { createStore, del, set, type UseStore, values } from "idb-keyval";
import { asConversation, type Conversation } from "./conversation.ts";

/** Conversations that outlive the page, each under a key of its own: tabs that write different ones do not meet. */
export interface ConversationStore {
  /** Newest first. */
  all(): Promise<Conversation[]>;
  save(conversation: Conversation): Promise<void>;
  remove(id: string): Promise<void>;
}

/**
 * Conversations in IndexedDB. Where that is missing or blocked (private windows), `onFailure` is called once, and they
 * live as long as the page.
 */
export function conversationStore(onFailure: () => void): ConversationStore {
  const kept = new Map<string, Conversation>();
  let failed = false;
  let database: UseStore | undefined;
  const attempt = async <T>(work: (store: UseStore) => Promise<T>): Promise<T | undefined> => {
    if (failed) return undefined;
    try {
      database ??= createStore("webmoe-conversations", "conversations");
      return await work(database);
    } catch {
      failed = true;
      onFailure();
      return undefined;
    }
  };
  return {
    async all() {
      const stored = await attempt((store) => values<unknown>(store));
      for (const value of stored ?? []) {
        const conversation = asConversation(value);
        if (conversation) kept.set(conversation.id, conversation);
      }
      if (stored) {
        const ids = new Set(stored.map((value) => asConversation(value)?.id));
        for (const id of kept.keys()) if (!ids.has(id)) kept.delete(id);
      }
      return [...kept.values()].sort((a, b) => b.updated - a.updated);
    },
    async save(conversation) {
      kept.set(conversation.id, conversation);
      await attempt((store) => set(conversation.id, conversation, store));
    },
    async remove(id) {
      kept.delete(id);
      await attempt((store) => del(id, store));
    },
  };
}
