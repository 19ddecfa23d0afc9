import type { Model, Stats } from "../index.ts";
import type { ExpertsPanel } from "./experts/experts-panel.ts";
import type { createFigures } from "./figures.ts";

const WRITING_MS = 125;
const RESTING_MS = 1000;

/**
 * Keeps figures and picture in step with a model: about eight times a second while it writes, and once a second at
 * rest until all of it is stored, which goes on behind the text.
 */
export function createMonitor(figures: ReturnType<typeof createFigures>, experts: ExpertsPanel) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let watched: Model | undefined;
  let isWriting = false;
  /** Counters at the start of the generation that hits are counted for. */
  let before: Stats | undefined;

  /** A model that goes away while it is asked is no news: whoever disposed of it knows. */
  async function look(model: Model): Promise<Stats | undefined> {
    const [stats, snapshot] = await Promise.all([model.stats(), model.experts()]).catch(() => []);
    if (!stats || !snapshot || watched !== model) return undefined;
    figures.showStats(stats, before, model.info);
    experts.show(snapshot, stats);
    return stats;
  }

  /** Looks now and goes on looking; a later call takes over from an earlier one. */
  async function watch(model: Model): Promise<void> {
    clearTimeout(timer);
    const stats = await look(model);
    clearTimeout(timer);
    if (!stats || watched !== model) return;
    if (isWriting) timer = setTimeout(() => void watch(model), WRITING_MS);
    else if (stats.storedBytes < stats.storableBytes && stats.storeFailures === 0)
      timer = setTimeout(() => void watch(model), RESTING_MS);
  }

  return {
    /** Begins watching a model, or nothing. */
    attach(model: Model | undefined): void {
      clearTimeout(timer);
      watched = model;
      before = undefined;
      isWriting = false;
      experts.attach(model);
      if (!model) {
        figures.clear();
        return;
      }
      figures.showDetails(model.info);
      void watch(model);
    },
    /** A generation begins: from here on hits and misses are counted for it. */
    async begin(model: Model): Promise<void> {
      isWriting = true;
      const stats = await model.stats().catch(() => undefined);
      if (watched !== model) return;
      before = stats;
      await watch(model);
    },
    /** A generation is over: what it came to, in figures and in words. */
    async settle(model: Model): Promise<void> {
      if (watched !== model) return;
      isWriting = false;
      figures.showDetails(model.info);
      await watch(model);
      await experts.settle();
    },
  };
}
