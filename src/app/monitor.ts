import type { Model, Stats } from "../index.ts";
import type { createExpertsView } from "./experts-view.ts";
import type { createFigures } from "./figures.ts";

const PERIOD_MS = 125;

/** Keeps figures and picture in step with a model: about eight times a second while it writes, once when it is still. */
export function createMonitor(
  figures: ReturnType<typeof createFigures>,
  experts: ReturnType<typeof createExpertsView>,
) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let watched: Model | undefined;
  let before: Stats | undefined;

  /** A model that goes away while it is asked is no news: whoever disposed of it knows. */
  async function look(model: Model, settled: boolean): Promise<void> {
    const [stats, snapshot] = await Promise.all([model.stats(), model.experts()]).catch(() => []);
    if (!stats || !snapshot || watched !== model) return;
    figures.showStats(stats, before, model.info);
    experts.show(snapshot, settled);
  }

  function stopTimer(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  async function tick(model: Model): Promise<void> {
    await look(model, false);
    if (timer !== undefined && watched === model) timer = setTimeout(() => void tick(model), PERIOD_MS);
  }

  return {
    /** Begins watching a model, or nothing. */
    attach(model: Model | undefined): void {
      stopTimer();
      watched = model;
      before = undefined;
      if (!model) {
        figures.clear();
        experts.clear();
        return;
      }
      figures.showDetails(model.info);
      void look(model, true);
    },
    /** A generation begins: from here on hits and misses are counted for it. */
    async begin(model: Model): Promise<void> {
      before = await model.stats().catch(() => undefined);
      if (watched !== model) return;
      stopTimer();
      timer = setTimeout(() => void tick(model), 0);
    },
    /** A generation is over: one last look. */
    async settle(model: Model): Promise<void> {
      stopTimer();
      await look(model, true);
      if (watched === model) figures.showDetails(model.info);
    },
  };
}
