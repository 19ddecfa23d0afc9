import type { ExpertSnapshot } from "../index.ts";
import { byId, prefersReducedMotion } from "./dom.ts";
import { describeExperts, describeOne, gridLayout } from "./experts-grid.ts";

/** A pick fades to half in this time. */
const HALF_LIFE_MS = 260;
const FAINTEST = 0.03;

/**
 * The live picture: one row a layer, one square an expert. State is told by shape as well as by colour: an outline
 * is absent, a filled square is resident, a filled square with a light core was used by the last token.
 */
export function createExpertsView() {
  const canvas = byId("experts-canvas", HTMLCanvasElement);
  const frame = byId("experts-frame", HTMLElement);
  const summary = byId("experts-summary", HTMLElement);
  const readout = byId("experts-readout", HTMLElement);
  const empty = byId("experts-empty", HTMLElement);
  const context = canvas.getContext("2d");
  let snapshot: ExpertSnapshot | undefined;
  /** Time of last use, ms; `[layerCount, expertCount]`. */
  let lastUsed = new Float64Array(0);
  let picked = new Uint8Array(0);
  let animation = 0;

  const colour = (name: string): string => getComputedStyle(canvas).getPropertyValue(name).trim();

  function resize(): ReturnType<typeof gridLayout> | undefined {
    if (!snapshot) return undefined;
    const layout = gridLayout(snapshot.layerCount, snapshot.expertCount, frame.clientWidth);
    const ratio = devicePixelRatio;
    const width = Math.round(layout.width * ratio);
    const height = Math.round(layout.height * ratio);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${layout.width}px`;
      canvas.style.height = `${layout.height}px`;
      // What scrolls must be reachable by keyboard, and nothing else.
      if (frame.scrollWidth > frame.clientWidth || frame.scrollHeight > frame.clientHeight)
        frame.tabIndex = 0;
      else frame.removeAttribute("tabindex");
    }
    return layout;
  }

  function draw(now: number): void {
    animation = 0;
    const layout = resize();
    if (!snapshot || !context || !layout) return;
    const { cell, gap, labelWidth, labelHeight } = layout;
    const side = cell - gap;
    const absent = colour("--expert-absent");
    const resident = colour("--expert-resident");
    const used = colour("--expert-used");
    const core = colour("--expert-core");
    const still = prefersReducedMotion();
    let fading = false;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, layout.width, layout.height);
    drawLabels(layout, colour("--quiet"));
    for (let layer = 0; layer < snapshot.layerCount; layer++) {
      for (let expert = 0; expert < snapshot.expertCount; expert++) {
        const index = layer * snapshot.expertCount + expert;
        const x = labelWidth + expert * cell;
        const y = labelHeight + layer * cell;
        if (snapshot.resident[index]) {
          context.fillStyle = resident;
          fillRounded(x, y, side);
        } else {
          context.strokeStyle = absent;
          context.lineWidth = 1;
          context.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
        }
        const isPick = picked[index] === 1;
        const age = now - (lastUsed[index] ?? Number.NEGATIVE_INFINITY);
        const heat = isPick ? 1 : still ? 0 : 0.5 ** (age / HALF_LIFE_MS);
        if (heat < FAINTEST) continue;
        if (!isPick) fading = true;
        context.globalAlpha = heat;
        context.fillStyle = used;
        fillRounded(x, y, side);
        context.globalAlpha = 1;
        if (isPick) {
          context.fillStyle = core;
          const size = Math.max(2, Math.round(side * 0.36));
          const inset = (side - size) / 2;
          context.fillRect(x + inset, y + inset, size, size);
        }
      }
    }
    if (fading) schedule();
  }

  function fillRounded(x: number, y: number, side: number): void {
    if (!context) return;
    context.beginPath();
    context.roundRect(x, y, side, side, Math.min(4, side / 4));
    context.fill();
  }

  function drawLabels(layout: ReturnType<typeof gridLayout>, ink: string): void {
    if (!snapshot || !context) return;
    const { cell, gap, labelWidth, labelHeight, labelStep } = layout;
    context.fillStyle = ink;
    context.font = `${layout.fontSize}px ${getComputedStyle(canvas).fontFamily}`;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let layer = 0; layer < snapshot.layerCount; layer += labelStep) {
      context.fillText(String(layer), labelWidth - 8, labelHeight + layer * cell + (cell - gap) / 2);
    }
    context.textAlign = "center";
    for (let expert = 0; expert < snapshot.expertCount; expert += labelStep) {
      context.fillText(String(expert), labelWidth + expert * cell + (cell - gap) / 2, labelHeight / 2 - 2);
    }
  }

  function schedule(): void {
    if (animation === 0) animation = requestAnimationFrame(draw);
  }

  new ResizeObserver(schedule).observe(frame);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", schedule);

  canvas.addEventListener("pointermove", (event) => {
    if (!snapshot) return;
    const { cell, labelWidth, labelHeight } = gridLayout(
      snapshot.layerCount,
      snapshot.expertCount,
      frame.clientWidth,
    );
    const expert = Math.floor((event.offsetX - labelWidth) / cell);
    const layer = Math.floor((event.offsetY - labelHeight) / cell);
    readout.textContent = describeOne(snapshot, layer, expert);
  });
  canvas.addEventListener("pointerleave", () => {
    readout.textContent = "";
  });

  return {
    /** Draws a snapshot; `settled` also brings the text alternative up to date. */
    show(next: ExpertSnapshot, settled: boolean): void {
      const cells = next.layerCount * next.expertCount;
      if (lastUsed.length !== cells) {
        lastUsed = new Float64Array(cells).fill(Number.NEGATIVE_INFINITY);
        picked = new Uint8Array(cells);
      }
      snapshot = next;
      picked.fill(0);
      const now = performance.now();
      next.picks.forEach((expert, position) => {
        const index = Math.floor(position / next.expertsPerToken) * next.expertCount + expert;
        picked[index] = 1;
        lastUsed[index] = now;
      });
      empty.hidden = true;
      frame.hidden = false;
      if (settled) {
        const text = describeExperts(next);
        summary.textContent = text.full;
        canvas.setAttribute("aria-label", text.short);
      }
      schedule();
    },
    clear(): void {
      snapshot = undefined;
      lastUsed = new Float64Array(0);
      frame.hidden = true;
      empty.hidden = false;
      summary.textContent = "";
      readout.textContent = "";
      canvas.removeAttribute("aria-label");
    },
  };
}
