import { throwIfAborted } from "../../api/errors.ts";
import type { TabLinks } from "./links.ts";

/** After this long a tab asks for a header itself: the one whose turn it is may be asleep. */
const TURN_MS = 20_000;

export type Release = () => void;

/**
 * Holds the lock until the returned function is called or the tab ends; undefined if `ifAvailable` and it is not.
 * `onStolen` tells that another tab took it. Rejects as the lock manager does.
 */
export function holdLock(
  { locks }: TabLinks,
  name: string,
  options: LockOptions,
  onStolen: () => void = () => undefined,
): Promise<Release | undefined> {
  return new Promise((resolve, reject) => {
    let held = false;
    locks
      .request(name, options, (lock) => {
        if (!lock) {
          resolve(undefined);
          return undefined;
        }
        held = true;
        return new Promise<void>((release) => resolve(() => release()));
      })
      .catch((error: unknown) => {
        if (held) onStolen();
        else reject(error);
      });
  });
}

/**
 * The right to ask the network for files that the store does not know. The next tab in turn finds what this one has
 * stored by the time it releases. Undefined where there is nobody to share with, or after waiting for long.
 */
export async function takeOpeningTurn(
  links: TabLinks | undefined,
  filesHash: string,
  signal: AbortSignal | undefined,
): Promise<Release | undefined> {
  if (!links) return undefined;
  const limit = AbortSignal.timeout(TURN_MS);
  try {
    const until = signal ? AbortSignal.any([signal, limit]) : limit;
    return await holdLock(links, `webmoe/open/${filesHash}`, { signal: until });
  } catch {
    throwIfAborted(signal);
    return undefined;
  }
}

/** How the names begin of the locks that open models hold, shared, until they are closed. */
export const MODEL_LOCKS = "webmoe/use/";

export const modelLockName = (modelKey: string): string => `${MODEL_LOCKS}${modelKey}`;

/** Marks a stored model as in use by this tab; waits while another tab deletes it. */
export async function holdModel(links: TabLinks | undefined, modelKey: string): Promise<Release | undefined> {
  if (!links) return undefined;
  return holdLock(links, modelLockName(modelKey), { mode: "shared" }).catch(() => undefined);
}

/**
 * Runs `action` while no tab uses the model, and keeps others from opening it meanwhile; false, and nothing done, if
 * one uses it. Without locks nobody can know, so that is never done.
 */
export async function whileUnused(
  links: TabLinks | undefined,
  modelKey: string,
  action: () => Promise<void>,
): Promise<boolean> {
  if (!links) return false;
  const release = await holdLock(links, modelLockName(modelKey), { ifAvailable: true }).catch(
    () => undefined,
  );
  if (!release) return false;
  try {
    await action();
  } finally {
    release();
  }
  return true;
}
