import type { ExpertRecord } from "./parts.ts";

/** Expert records in RAM, the least recently used leaving first. */
export interface HostTier {
  readonly byteLength: number;
  /** Does not count as use. */
  has(layer: number, expert: number): boolean;
  /** Counts as use. */
  get(layer: number, expert: number): ExpertRecord | undefined;
  /** Keeps the record, unless it alone is larger than the budget. */
  put(record: ExpertRecord): void;
  /** Another budget from here on: what is more than that leaves. */
  limit(bytes: number): void;
  clear(): void;
}

/** `budgetBytes` are never exceeded; 0 keeps nothing. */
export function createHostTier(budgetBytes: number): HostTier {
  let budget = budgetBytes;
  /** Least recently used first. */
  const records = new Map<string, ExpertRecord>();
  let byteLength = 0;

  function remove(key: string): ExpertRecord | undefined {
    const record = records.get(key);
    if (record) {
      records.delete(key);
      byteLength -= record.byteLength;
    }
    return record;
  }

  /** Makes room for `bytes` more. */
  function shrink(bytes: number): void {
    for (const oldest of records.keys()) {
      if (byteLength + bytes <= budget) break;
      remove(oldest);
    }
  }

  return {
    get byteLength() {
      return byteLength;
    },
    has: (layer, expert) => records.has(`${layer}/${expert}`),
    get(layer, expert) {
      const key = `${layer}/${expert}`;
      const record = remove(key);
      if (record) {
        records.set(key, record);
        byteLength += record.byteLength;
      }
      return record;
    },
    put(record) {
      const key = `${record.layer}/${record.expert}`;
      remove(key);
      if (record.byteLength > budget) return;
      shrink(record.byteLength);
      records.set(key, record);
      byteLength += record.byteLength;
    },
    limit(bytes) {
      budget = bytes;
      shrink(0);
    },
    clear() {
      records.clear();
      byteLength = 0;
    },
  };
}
