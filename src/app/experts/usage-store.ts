import { createStore, del, entries, get, set, type UseStore } from "idb-keyval";
import type { Usage } from "./usage.ts";

/** A text whose routing was counted, in the model that wrote it. */
export interface Fingerprint {
  /** Of the conversation, or of a continued text. */
  readonly id: string;
  readonly title: string;
  /** Only texts of one model can be compared. */
  readonly model: string;
  readonly usage: Usage;
}

const keyOf = ({ model, id }: { model: string; id: string }): string => `${model}\n${id}`;

/** What was stored, if it is a fingerprint: another version of the page may have written it. */
function asFingerprint(value: unknown): Fingerprint | undefined {
  const { id, title, model, usage } = (value ?? {}) as Record<string, unknown>;
  const { layerCount, expertCount, tokens, counts } = (usage ?? {}) as Record<string, unknown>;
  const isWhole =
    typeof id === "string" &&
    typeof title === "string" &&
    typeof model === "string" &&
    typeof layerCount === "number" &&
    typeof expertCount === "number" &&
    typeof tokens === "number" &&
    counts instanceof Uint32Array &&
    counts.length === layerCount * expertCount;
  return isWhole ? (value as Fingerprint) : undefined;
}

/** Fingerprints of conversations outlive the page as conversations do; those of continued texts live as long as it. */
export function usageStore() {
  const known = new Map<string, Fingerprint>();
  let database: UseStore | undefined;
  /** The conversation store says where nothing can be kept; here it only means that fingerprints are not either. */
  const attempt = async <T>(work: (store: UseStore) => Promise<T>): Promise<T | undefined> => {
    try {
      database ??= createStore("webmoe-usage", "usage");
      return await work(database);
    } catch {
      return undefined;
    }
  };
  return {
    /** One text's, of this visit or of an earlier one. */
    async get(model: string, id: string): Promise<Fingerprint | undefined> {
      const key = keyOf({ model, id });
      return known.get(key) ?? asFingerprint(await attempt((store) => get<unknown>(key, store)));
    },
    async save(fingerprint: Fingerprint, isKept: boolean): Promise<void> {
      known.set(keyOf(fingerprint), fingerprint);
      if (isKept) await attempt((store) => set(keyOf(fingerprint), fingerprint, store));
    },
    /** Those of one model, of this visit and of earlier ones. */
    async of(model: string): Promise<Fingerprint[]> {
      for (const [key, value] of (await attempt((store) => entries<string, unknown>(store))) ?? []) {
        const fingerprint = asFingerprint(value);
        if (fingerprint && !known.has(key)) known.set(key, fingerprint);
      }
      return [...known.values()].filter((fingerprint) => fingerprint.model === model);
    },
    /** Forgets a conversation's, in every model. */
    async remove(id: string): Promise<void> {
      for (const [key, fingerprint] of known) if (fingerprint.id === id) known.delete(key);
      for (const [key, value] of (await attempt((store) => entries<string, unknown>(store))) ?? [])
        if (asFingerprint(value)?.id === id) await attempt((store) => del(key, store));
    },
  };
}
