import { WebMoEError } from "../../api/errors.ts";
import { MODEL_LOCKS, modelLockName } from "../tabs/locks.ts";

/**
 * Who uses which model, across tabs. Whoever has a model open holds its lock shared; whoever changes it in a way that
 * an open model would notice takes it alone, or not at all.
 */
export interface ModelLocks {
  /** Runs `work` while the model cannot be deleted. Errors: `in-use` if it is being deleted or repaired. */
  shared<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Runs `work` while nobody else uses the model. Errors: `in-use`, at once, if somebody does. */
  alone<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Keys of the models that are in use. */
  held(): Promise<ReadonlySet<string>>;
}

/** Where there are no Web Locks (Node, pages without a secure context), nobody is known to use anything. */
export function modelLocks(locks: LockManager | undefined = globalThis.navigator?.locks): ModelLocks {
  if (!locks)
    return { shared: (_key, work) => work(), alone: (_key, work) => work(), held: async () => new Set() };

  async function within<T>(key: string, mode: LockMode, work: () => Promise<T>): Promise<T> {
    // A lock that is not to be had is given as null.
    return locks!.request(modelLockName(key), { mode, ifAvailable: true }, (lock): Promise<T> => {
      if (lock) return work();
      throw new WebMoEError(
        "in-use",
        `The stored model ${key} is in use, here or in another tab. Close it there and try again.`,
      );
    });
  }

  return {
    shared: (key, work) => within(key, "shared", work),
    alone: (key, work) => within(key, "exclusive", work),
    async held() {
      const { held = [] } = await locks.query();
      const names = held.flatMap(({ name }) =>
        name?.startsWith(MODEL_LOCKS) ? [name.slice(MODEL_LOCKS.length)] : [],
      );
      return new Set(names);
    },
  };
}
