/** What happens to the store outside the engine: every function runs in the page, on the databases themselves. */
import type { Page } from "@playwright/test";

/** Has payloads lie where the test wants them, instead of where a measurement would put them. */
export const choosePayloads = (page: Page, payloads: "indexeddb" | "opfs"): Promise<void> =>
  page.evaluate(async (choice) => {
    const opening = indexedDB.open("webmoe-settings");
    opening.onupgradeneeded = () => opening.result.createObjectStore("settings");
    await new Promise((done) => {
      opening.onsuccess = done;
    });
    const transaction = opening.result.transaction("settings", "readwrite");
    const value = { payloads: choice, indexedDbReadRate: 1, opfsReadRate: 1 };
    transaction.objectStore("settings").put(value, "payloads");
    await new Promise((done) => {
      transaction.oncomplete = done;
    });
    opening.result.close();
  }, payloads);

/** Flips one bit of a stored part of the first layer's experts; returns how many bytes the part has. */
export const flipBit = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    interface Entry {
      readonly bytes?: Uint8Array;
      readonly at?: { readonly pack: string; readonly offset: number; readonly length: number };
    }
    const opening = indexedDB.open("webmoe-parts");
    await new Promise((done) => {
      opening.onsuccess = done;
    });
    const store = opening.result.transaction("parts", "readwrite").objectStore("parts");
    const cursor = store.openCursor();
    return new Promise<number>((resolve, reject) => {
      cursor.onsuccess = () => {
        const at = cursor.result;
        if (!at) reject(new Error("No expert of the first layer is stored."));
        else if (!String(at.key).includes("/expert/0/")) at.continue();
        else {
          const entry = at.value as Entry;
          opening.result.close();
          if (entry.bytes) {
            entry.bytes[entry.bytes.length >> 1]! ^= 1;
            at.update(entry).onsuccess = () => resolve(entry.bytes!.length);
            return;
          }
          const { pack, offset, length } = entry.at!;
          const place = offset + (length >> 1);
          void (async () => {
            const root = await navigator.storage.getDirectory();
            const packs = await root.getDirectoryHandle("webmoe");
            const folder = await packs.getDirectoryHandle(String(at.key).split("/")[0]!);
            const file = await folder.getFileHandle(pack);
            const [byte] = new Uint8Array(await (await file.getFile()).slice(place, place + 1).arrayBuffer());
            const writable = await file.createWritable({ keepExistingData: true });
            await writable.write({ type: "write", position: place, data: Uint8Array.of(byte! ^ 1) });
            await writable.close();
            resolve(length);
          })().catch(reject);
        }
      };
    });
  });

/** Bytes of all stored parts but headers, which begin parts of the trunk as well. */
export const storedWeightBytes = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const opening = indexedDB.open("webmoe-parts");
    await new Promise((done) => {
      opening.onsuccess = done;
    });
    const cursor = opening.result.transaction("parts").objectStore("parts").openCursor();
    return new Promise<number>((resolve) => {
      let sum = 0;
      cursor.onsuccess = () => {
        const at = cursor.result;
        if (!at) {
          opening.result.close();
          resolve(sum);
          return;
        }
        const { bytes, at: place } = at.value as { bytes?: Uint8Array; at?: { length: number } };
        if (!String(at.key).includes("/header/")) sum += bytes?.length ?? place?.length ?? 0;
        at.continue();
      };
    });
  });
