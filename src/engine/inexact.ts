import { ABSENT, type Decisions } from "../backend/backend.ts";
import type { RouterSpec } from "../model/router-spec.ts";
import type { Residency } from "../residency/residency.ts";
import type { Core, InexactRouting } from "../wasm/core.ts";

/** Routes generated tokens to experts that are on the device, where the user has asked for that. */
export interface InexactRouter {
  /** What to take instead of the router's own picks `exact`; an id of ABSENT is left out. */
  take(layer: number, spec: RouterSpec, logits: Float32Array, exact: Decisions): Decisions;
  /** Share of the router's own picks that were taken. */
  readonly agreement: number;
}

/** Undefined where routing is exact. */
export function inexactRouter(
  core: Core,
  residency: Residency,
  how: InexactRouting,
): InexactRouter | undefined {
  if (how.onMiss === "wait" && how.cacheMargin === 0) return undefined;
  let [picks, agreed] = [0, 0];
  return {
    take(layer, spec, logits, exact) {
      const table = residency.table(layer);
      picks += exact.ids.length;
      if (exact.ids.every((expert) => table[expert] !== ABSENT)) {
        agreed += exact.ids.length;
        return exact;
      }
      const taken = core.routeResident(spec, logits, table, how);
      agreed += exact.ids.filter((expert) => taken.ids.includes(expert)).length;
      const missed = exact.ids.filter((expert) => table[expert] === ABSENT && !taken.ids.includes(expert));
      residency.fetchLater(layer, [...missed]);
      return taken;
    },
    get agreement() {
      return picks === 0 ? 1 : agreed / picks;
    },
  };
}
