// @ts-check
/** What only a page can do, and how long it may take. */
export const PAGE_LIMIT_MS = 1_800_000;

/** Rejects if `work` takes longer. @template T @param {Promise<T>} work @param {number} ms @param {string} what @returns {Promise<T>} */
export async function within(work, ms, what) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took too long.`)), ms);
  });
  try {
    return await Promise.race([work, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}
