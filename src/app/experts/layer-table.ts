import type { ExpertSnapshot } from "../../index.ts";
import { byId } from "../dom.ts";
import type { LayerRouting } from "./routing-log.ts";
import { mostUsed, type Usage } from "./usage.ts";

const MOST_USED = 3;

/** The picture as a table, one row a layer: for whoever does not see it, and for exact numbers. */
export function createLayerTable() {
  const details = byId("layers", HTMLDetailsElement);
  const rows = byId("layer-rows", HTMLTableSectionElement);
  // It scrolls, so the keyboard must reach it.
  byId("layer-frame", HTMLElement).tabIndex = 0;
  let refresh: (() => void) | undefined;

  details.addEventListener("toggle", () => {
    if (details.open) refresh?.();
  });

  function line(cells: readonly string[]): HTMLTableRowElement {
    const row = document.createElement("tr");
    cells.forEach((text, i) => {
      const cell = document.createElement(i === 0 ? "th" : "td");
      if (i === 0) cell.setAttribute("scope", "row");
      cell.textContent = text;
      row.append(cell);
    });
    return row;
  }

  return {
    /** `token`: the chosen token's routing; without one, the last token's picks are told. */
    show(
      snapshot: ExpertSnapshot,
      usage: Usage | undefined,
      token: readonly LayerRouting[] | undefined,
    ): void {
      refresh = () => {
        const { layerCount, expertCount, expertsPerToken, resident, picks } = snapshot;
        rows.replaceChildren(
          ...Array.from({ length: layerCount }, (_, layer) => {
            const here = resident.subarray(layer * expertCount, (layer + 1) * expertCount);
            const routed = token?.find((entry) => entry.layer === layer);
            const used = token
              ? (routed?.experts.map((expert, i) => `${expert} (${routed.weights[i]!.toFixed(2)})`) ?? [])
              : [...picks.subarray(layer * expertsPerToken, (layer + 1) * expertsPerToken)];
            const most = usage ? mostUsed(usage, layer, MOST_USED) : [];
            return line([
              String(layer),
              `${here.reduce((sum, flag) => sum + flag, 0)} of ${expertCount}`,
              used.join(", ") || "–",
              most.map(({ expert, share }) => `${expert} (${Math.round(share * 100)} %)`).join(", ") || "–",
            ]);
          }),
        );
      };
      if (details.open) refresh();
    },
    clear(): void {
      refresh = undefined;
      rows.replaceChildren();
    },
  };
}
