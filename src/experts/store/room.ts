import { hasCode } from "../../api/errors.ts";
import { whileUnused } from "../tabs/locks.ts";
import type { PartStore, StoredModel } from "./store.ts";

/** The browser is asked for its room again after so many bytes have been written. */
const ESTIMATE_EVERY_BYTES = 64 * 1024 * 1024;

/** Room that is left to everything else the site stores. */
const SPARE_BYTES = 32 * 1024 * 1024;

export interface RoomOptions {
  /** Takes parts when the store takes no more. */
  readonly fallback: PartStore;
  /** What the browser says of its room; `navigator.storage.estimate`. */
  readonly estimate?: (() => Promise<StorageEstimate>) | undefined;
}

/**
 * A store that makes room before it fails with `quota`: stored models go whole, outdated ones first and then the least
 * recently used, but never one that a tab has open. Without Web Locks nobody can know that, and none goes.
 */
export function withRoom(store: PartStore, { fallback, estimate }: RoomOptions): PartStore {
  let writtenSinceEstimate = Number.POSITIVE_INFINITY;

  const candidates = async (): Promise<StoredModel[]> =>
    (await store.models()).sort(
      (a, b) => Number(b.outdated ?? false) - Number(a.outdated ?? false) || a.lastUsed - b.lastUsed,
    );

  /** Bytes given back by one model's deletion; 0 if there is none that may go. */
  async function reclaim(): Promise<number> {
    for (const { key, storableBytes, storableParts } of await candidates()) {
      let share = 0;
      const deleted = await whileUnused(store.links, key, async () => {
        share = (await store.partKeys(`${key}/`)).length / Math.max(1, storableParts);
        await store.deleteModel(key);
      });
      // A model without parts gives nothing back, but its deletion is no reason to go on to another.
      if (deleted) return Math.max(1, share * storableBytes);
    }
    return 0;
  }

  /** Browsers count deletions late, so what was given back is added here and not asked for. */
  async function makeRoom(byteLength: number): Promise<void> {
    writtenSinceEstimate += byteLength;
    if (!estimate || writtenSinceEstimate < ESTIMATE_EVERY_BYTES) return;
    writtenSinceEstimate = 0;
    const { quota, usage } = await estimate().catch((): StorageEstimate => ({}));
    if (quota === undefined || usage === undefined) return;
    let room = quota - usage;
    while (room < ESTIMATE_EVERY_BYTES + SPARE_BYTES) {
      const freed = await reclaim();
      if (freed === 0) return;
      room += freed;
    }
  }

  return {
    ...store,
    fallback,
    async putParts(parts) {
      await makeRoom(parts.reduce((sum, [, { bytes }]) => sum + bytes.length, 0));
      for (;;) {
        try {
          return await store.putParts(parts);
        } catch (error) {
          const full = hasCode(error, "quota");
          if (!full || (await reclaim()) === 0) throw error;
        }
      }
    },
  };
}
