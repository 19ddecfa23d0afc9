import type { Core } from "../../wasm/core.ts";
import type { PartStore, StoredPart } from "./store.ts";

/** What is under a key: nothing, a value that the browser cannot read back, or a part, which may be damaged. */
export type FoundPart = StoredPart | undefined | "unreadable";

/** One transaction; where it fails, part by part, so that one unreadable value costs one part. */
export async function readParts(store: PartStore, keys: readonly string[]): Promise<FoundPart[]> {
  try {
    return await store.getParts(keys);
  } catch {
    return Promise.all(
      keys.map((key) =>
        store.getParts([key]).then(
          ([part]) => part,
          () => "unreadable" as const,
        ),
      ),
    );
  }
}

/** True for a part that is what it was when it arrived, and of so many bytes, if that is known. */
export const isIntact = (
  core: Pick<Core, "checksum">,
  part: FoundPart,
  byteLength: number | undefined,
): part is StoredPart =>
  part !== undefined &&
  part !== "unreadable" &&
  part.bytes instanceof Uint8Array &&
  (byteLength === undefined || part.bytes.length === byteLength) &&
  core.checksum(part.bytes) === part.checksum;
