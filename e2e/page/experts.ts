/** The picture of a large model at work: 48 layers of 128 experts, 8 of them used by a token. */
import { createGridView } from "../../src/app/experts/grid-view.ts";
import { emptyUsage } from "../../src/app/experts/usage.ts";

const LAYERS = 48;
const EXPERTS = 128;
const PER_TOKEN = 8;
/** Frames between two tokens: twice as often as the page looks at a model that writes. */
const FRAMES_PER_TOKEN = 4;

export interface FrameReport {
  /** Milliseconds, ascending. */
  costs: number[];
  intervals: number[];
  squares: number;
}

declare global {
  interface Window {
    runFrames?(frames: number): Promise<FrameReport>;
  }
}

const view = createGridView();
let seed = 1;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed % below;
};
const resident = Uint8Array.from({ length: LAYERS * EXPERTS }, () => random(2));

/** A token's picks; each miss moves a slot. */
function step(): void {
  const picks = Uint32Array.from({ length: LAYERS * PER_TOKEN }, () => random(EXPERTS));
  picks.forEach((expert, at) => {
    const row = Math.floor(at / PER_TOKEN) * EXPERTS;
    if (resident[row + expert] === 1) return;
    resident[row + expert] = 1;
    resident[row + random(EXPERTS)] = 0;
  });
  view.show({ layerCount: LAYERS, expertCount: EXPERTS, expertsPerToken: PER_TOKEN, resident, picks });
}

window.runFrames = async (frames) => {
  const costs: number[] = [];
  const intervals: number[] = [];
  const usage = emptyUsage(LAYERS, EXPERTS);
  // Every look is painted once, so that none is met for the first time while measured.
  view.setLook({ kind: "usage", usage });
  step();
  view.setLook({ kind: "now" });
  const raf = window.requestAnimationFrame.bind(window);
  // What the view does in a frame is timed from outside it.
  window.requestAnimationFrame = (draw) =>
    raf((now) => {
      const began = performance.now();
      draw(now);
      costs.push(performance.now() - began);
    });
  let last = Number.NaN;
  for (let frame = 0; frame < frames; frame++) {
    await new Promise<void>((resolve) => {
      raf((now) => {
        if (frame > 0) intervals.push(now - last);
        last = now;
        if (frame % FRAMES_PER_TOKEN === 0) step();
        resolve();
      });
    });
  }
  window.requestAnimationFrame = raf;
  const ascending = (a: number, b: number): number => a - b;
  return { costs: costs.sort(ascending), intervals: intervals.sort(ascending), squares: resident.length };
};
