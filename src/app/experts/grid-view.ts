import type { ExpertSnapshot } from "../../index.ts";
import { byId } from "../dom.ts";
import { cellsOfNow, cellsOfToken, cellsOfUsage, describeExperts, describeOne } from "./cells.ts";
import { gridPainter, type Palette } from "./grid-painter.ts";
import type { LayerRouting } from "./routing-log.ts";
import type { Usage } from "./usage.ts";

/** What the picture shows: now, use since the model was loaded, or one token. */
export type Look =
  | { readonly kind: "now" }
  | { readonly kind: "usage"; readonly usage: Usage }
  | { readonly kind: "token"; readonly routing: readonly LayerRouting[] };

const NOW: Look = { kind: "now" };

/** The live picture: one row a layer, one square an expert. */
export function createGridView() {
  const canvas = byId("experts-canvas", HTMLCanvasElement);
  const frame = byId("experts-frame", HTMLElement);
  const readout = byId("experts-readout", HTMLElement);
  const empty = byId("experts-empty", HTMLElement);
  const painter = gridPainter(canvas);
  let snapshot: ExpertSnapshot | undefined;
  let look = NOW;
  let cells = new Uint8Array(0);
  /** Time of last use, ms; `[layerCount, expertCount]`. */
  let lastUsed = new Float64Array(0);
  let usedNow = 0;
  let animation = 0;
  let palette: Palette | undefined;
  // Asked for in every frame, either would make the browser lay the page out for it.
  const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
  let width = 0;

  /** Asking for styles makes the browser compute them, so it is done when they may have changed. */
  function currentPalette(): Palette {
    const styles = getComputedStyle(canvas);
    const colour = (name: string): string => styles.getPropertyValue(name).trim();
    return {
      ink: colour("--quiet"),
      absent: colour("--expert-absent"),
      resident: colour("--expert-resident"),
      used: colour("--expert-used"),
      core: colour("--expert-core"),
      font: styles.fontFamily,
    };
  }

  function draw(): void {
    animation = 0;
    if (!snapshot || width === 0) return;
    const { layerCount, expertCount, resident } = snapshot;
    palette ??= currentPalette();
    if (painter.fit(layerCount, expertCount, width, palette)) {
      // What scrolls must be reachable by keyboard, and nothing else.
      if (frame.scrollWidth > frame.clientWidth || frame.scrollHeight > frame.clientHeight)
        frame.tabIndex = 0;
      else frame.removeAttribute("tabindex");
    }
    let isFading = false;
    if (look.kind === "usage") cellsOfUsage(cells, look.usage);
    else if (look.kind === "token") cellsOfToken(cells, resident, expertCount, look.routing);
    else isFading = cellsOfNow(cells, resident, lastUsed, usedNow, performance.now(), reducedMotion.matches);
    painter.paint(cells, expertCount);
    if (isFading) schedule();
  }

  function schedule(): void {
    if (animation === 0) animation = requestAnimationFrame(draw);
  }

  new ResizeObserver(([entry]) => {
    width = entry!.contentRect.width;
    schedule();
  }).observe(frame);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    palette = undefined;
    schedule();
  });

  function describeAt(event: PointerEvent): string {
    if (!snapshot) return "";
    const { row, column } = painter.at(event.offsetX, event.offsetY);
    const state = describeOne(snapshot, row, column);
    if (state === "" || look.kind !== "usage") return state;
    const picks = look.usage.counts[row * snapshot.expertCount + column]!;
    return `Layer ${row}, expert ${column}: used by ${picks} of ${look.usage.tokens} tokens`;
  }
  canvas.addEventListener("pointermove", (event) => {
    readout.textContent = describeAt(event);
  });
  canvas.addEventListener("pointerleave", () => {
    readout.textContent = "";
  });

  return {
    /** The device's state of now. */
    show(next: ExpertSnapshot): void {
      const count = next.layerCount * next.expertCount;
      if (cells.length !== count) {
        cells = new Uint8Array(count);
        lastUsed = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
      }
      snapshot = next;
      usedNow = performance.now();
      next.picks.forEach((expert, position) => {
        lastUsed[Math.floor(position / next.expertsPerToken) * next.expertCount + expert] = usedNow;
      });
      canvas.setAttribute("aria-label", describeExperts(next));
      empty.hidden = true;
      frame.hidden = false;
      schedule();
    },
    setLook(next: Look): void {
      look = next;
      schedule();
    },
    clear(): void {
      snapshot = undefined;
      look = NOW;
      cells = new Uint8Array(0);
      painter.forget();
      frame.hidden = true;
      empty.hidden = false;
      readout.textContent = "";
      canvas.removeAttribute("aria-label");
    },
    /** The picture as it is, on its background. */
    async picture(): Promise<Blob | undefined> {
      const copy = document.createElement("canvas");
      copy.width = canvas.width;
      copy.height = canvas.height;
      const pen = copy.getContext("2d");
      if (!pen || canvas.width === 0) return undefined;
      pen.fillStyle = getComputedStyle(canvas).getPropertyValue("--panel");
      pen.fillRect(0, 0, copy.width, copy.height);
      pen.drawImage(canvas, 0, 0);
      return (await new Promise<Blob | null>((resolve) => copy.toBlob(resolve))) ?? undefined;
    },
  };
}
