/**
 * `tabs` lets the tabs of a site share one store without fetching anything twice.
 *
 * ```
 * links   what ties tabs together: Web Locks and BroadcastChannel, where both exist
 * locks   who asks for a file's header, who uses a model, who may delete it
 * group   one tab fetches a model's parts and writes them, the others ask it and read the store
 * ```
 */

/** What ties the tabs that share a store together. */
export interface TabLinks {
  readonly locks: Pick<LockManager, "request">;
  /** Reaches every other tab that opened a channel of this name. */
  openChannel(name: string): TabChannel;
}

export type TabChannel = Pick<BroadcastChannel, "postMessage" | "onmessage" | "close">;

/**
 * Undefined where tabs cannot know of each other (Node, insecure pages): each then fetches for itself, and the
 * store's transactions keep their writes apart.
 */
export function browserTabLinks(): TabLinks | undefined {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks;
  if (!locks || typeof BroadcastChannel === "undefined") return undefined;
  return { locks, openChannel: (name) => new BroadcastChannel(name) };
}
