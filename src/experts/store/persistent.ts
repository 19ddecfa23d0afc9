import { browserTabLinks } from "../tabs/links.ts";
import { openIndexedDbStore } from "./indexeddb.ts";
import { openPacks } from "./packs.ts";
import type { PartStore } from "./store.ts";

/** The browser's own store, shared by the tabs of a site; undefined where it is missing or blocked. */
export const openPersistentStore = async (): Promise<PartStore | undefined> =>
  openIndexedDbStore({ packs: await openPacks("webmoe"), links: browserTabLinks() });
