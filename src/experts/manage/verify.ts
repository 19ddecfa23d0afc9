import { throwIfAborted } from "../../api/errors.ts";
import type { ManageOptions, VerifyReport } from "../../api/models.ts";
import type { Core } from "../../wasm/core.ts";
import { partPrefix } from "../segments.ts";
import { isIntact, readParts } from "../store/read.ts";
import type { PartStore, StoredModel, StoredPart } from "../store/store.ts";
import type { Inventory } from "./inventory.ts";

/** Parts that are read together: few enough to keep memory low, whatever their size. */
const BATCH_PARTS = 16;

/** A stored part that is not what it was when it arrived. */
export interface DamagedPart {
  readonly key: string;
  /** Its place in the model. */
  readonly name: string;
}

export interface Verified extends Omit<VerifyReport, "damaged"> {
  readonly damaged: readonly DamagedPart[];
}

/** Calls `visit` with every stored part, a batch in memory at a time. */
export async function visitParts(
  store: PartStore,
  keys: Iterable<string>,
  signal: AbortSignal | undefined,
  visit: (key: string, part: StoredPart | undefined) => void,
): Promise<void> {
  const list = [...keys];
  for (let start = 0; start < list.length; start += BATCH_PARTS) {
    throwIfAborted(signal);
    const batch = list.slice(start, start + BATCH_PARTS);
    const values = await readParts(store, batch);
    for (const [i, key] of batch.entries()) {
      const part = values[i];
      visit(key, part === "unreadable" ? undefined : part);
    }
  }
}

/** Reads all that the store has of a model, and compares lengths and checksums. Errors: `aborted`. */
export async function verifyParts(
  store: PartStore,
  core: Pick<Core, "checksum">,
  model: StoredModel,
  { keys, parts }: Inventory,
  { signal, onProgress }: ManageOptions,
): Promise<Verified> {
  const lengths = new Map(parts.map(({ key, byteLength }) => [key, byteLength]));
  const damaged: DamagedPart[] = [];
  let checkedParts = 0;
  let checkedBytes = 0;
  await visitParts(store, keys, signal, (key, part) => {
    checkedParts++;
    checkedBytes += part?.bytes.length ?? 0;
    if (!isIntact(core, part, lengths.get(key)))
      damaged.push({ key, name: key.slice(partPrefix(model.key).length) });
    onProgress?.(checkedBytes, Math.max(checkedBytes, model.storableBytes));
  });
  const missingParts = Math.max(0, model.storableParts - keys.size);
  return { checkedParts, checkedBytes, damaged, missingParts };
}
