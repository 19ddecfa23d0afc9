import { WebMoEError } from "../../api/errors.ts";
import type { PartStore, StoredModel, StoredPart } from "./store.ts";

/**
 * Parts in memory, gone with the page: where there is no IndexedDB, and in Node.
 *
 * `capacity` in bytes; what would pass it throws `quota`.
 */
export function createMemoryStore({ capacity = Number.POSITIVE_INFINITY } = {}): PartStore {
  const parts = new Map<string, StoredPart>();
  const models = new Map<string, StoredModel>();
  let bytesHeld = 0;

  function remove(key: string): void {
    bytesHeld -= parts.get(key)?.bytes.length ?? 0;
    parts.delete(key);
  }
  const keysFrom = (prefix: string): string[] =>
    [...parts.keys()].filter((key) => key.startsWith(prefix)).sort();

  return {
    kind: "memory",
    payloads: () => "memory",
    async getParts(keys) {
      return keys.map((key) => parts.get(key));
    },
    async putParts(batch) {
      const added = batch.reduce(
        (sum, [key, part]) => sum + part.bytes.length - (parts.get(key)?.bytes.length ?? 0),
        0,
      );
      if (bytesHeld + added > capacity)
        throw new WebMoEError("quota", `The part store in memory is full (${capacity} bytes).`);
      for (const [key, part] of batch) {
        remove(key);
        // A copy: the caller's bytes may be a view of more than the part.
        parts.set(key, { bytes: part.bytes.slice(), checksum: part.checksum });
        bytesHeld += part.bytes.length;
      }
    },
    async deleteParts(keys) {
      keys.forEach(remove);
    },
    async partKeys(prefix) {
      return keysFrom(prefix);
    },
    async getModel(key) {
      return models.get(key);
    },
    async putModel(model) {
      models.set(model.key, model);
    },
    async deleteModel(key) {
      keysFrom(`${key}/`).forEach(remove);
      models.delete(key);
    },
    async models() {
      return [...models.values()];
    },
  };
}
