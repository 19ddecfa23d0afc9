import {
  CELL_KINDS,
  FRESHEST,
  type GridLayout,
  gridLayout,
  HEAT,
  HEAT_LEVELS,
  WEIGHT,
  WEIGHT_LEVELS,
} from "./cells.ts";

export interface Palette {
  readonly ink: string;
  readonly absent: string;
  readonly resident: string;
  readonly used: string;
  readonly core: string;
  readonly font: string;
}

const NEVER = 0xff;

/**
 * Paints cells onto a canvas. Every look of a square is drawn once, into a strip of pictures; a frame copies only the
 * squares that changed, so that it costs what changes and not what there is: 6,144 squares rest for nothing.
 */
export function gridPainter(canvas: HTMLCanvasElement) {
  const context = canvas.getContext("2d");
  const strip = document.createElement("canvas");
  let layout: GridLayout | undefined;
  let painted = new Uint8Array(0);
  let shape = "";
  let scale = 1;
  let pitch = 0;

  /** A square's looks, side by side: see `cells.ts`. State is told by shape as well as by colour. */
  function drawStrip({ absent, resident, used, core }: Palette, gap: number): void {
    strip.width = pitch * CELL_KINDS;
    strip.height = pitch;
    const pen = strip.getContext("2d");
    if (!pen) return;
    const side = pitch - Math.max(1, Math.round(gap * scale));
    const line = Math.max(1, Math.round(scale));
    const radius = Math.min(4 * scale, side / 4);
    const filled = (x: number, colour: string, alpha: number): void => {
      pen.globalAlpha = alpha;
      pen.fillStyle = colour;
      pen.beginPath();
      pen.roundRect(x, 0, side, side, radius);
      pen.fill();
      pen.globalAlpha = 1;
    };
    const outlined = (x: number, colour: string): void => {
      pen.strokeStyle = colour;
      pen.lineWidth = line;
      pen.strokeRect(x + line / 2, line / 2, side - line, side - line);
    };
    const cored = (x: number, share: number): void => {
      const size = Math.max(2 * line, Math.round(side * share));
      const inset = Math.floor((side - size) / 2);
      pen.fillStyle = core;
      pen.fillRect(x + inset, inset, size, size);
    };
    const based = (x: number, isResident: boolean): void => {
      if (isResident) filled(x, resident, 1);
      else outlined(x, absent);
    };
    for (let kind = 0; kind < CELL_KINDS; kind++) {
      const x = kind * pitch;
      if (kind < HEAT) {
        const freshness = kind >> 1;
        based(x, (kind & 1) === 1);
        if (freshness > 0) filled(x, used, freshness / FRESHEST);
        if (freshness === FRESHEST) cored(x, 0.36);
      } else if (kind < WEIGHT) {
        const level = kind - HEAT;
        if (level === 0) outlined(x, absent);
        else filled(x, used, 0.12 + (0.88 * level) / (HEAT_LEVELS - 1));
      } else {
        const level = (kind - WEIGHT) >> 1;
        filled(x, used, 1);
        cored(x, 0.2 + (0.4 * level) / (WEIGHT_LEVELS - 1));
      }
    }
  }

  function drawLabels(rows: number, columns: number, { ink, font }: Palette): void {
    if (!context || !layout) return;
    const { labelStep, gap } = layout;
    const left = Math.round(layout.labelWidth * scale);
    const top = Math.round(layout.labelHeight * scale);
    const middle = (pitch - gap * scale) / 2;
    context.fillStyle = ink;
    context.font = `${layout.fontSize * scale}px ${font}`;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let row = 0; row < rows; row += labelStep)
      context.fillText(String(row), left - 8 * scale, top + row * pitch + middle);
    context.textAlign = "center";
    for (let column = 0; column < columns; column += labelStep)
      context.fillText(String(column), left + column * pitch + middle, top / 2 - 2 * scale);
  }

  return {
    /** Fits the canvas to a grid, a width in CSS pixels and a palette; true if everything has to be painted again. */
    fit(rows: number, columns: number, available: number, palette: Palette): boolean {
      const next = [rows, columns, available, devicePixelRatio, ...Object.values(palette)].join();
      if (next === shape || !context) return false;
      shape = next;
      layout = gridLayout(rows, columns, available);
      scale = devicePixelRatio;
      pitch = Math.max(3, Math.round(layout.cell * scale));
      canvas.width = Math.round(layout.labelWidth * scale) + pitch * columns;
      canvas.height = Math.round(layout.labelHeight * scale) + pitch * rows;
      canvas.style.width = `${canvas.width / scale}px`;
      canvas.style.height = `${canvas.height / scale}px`;
      painted = new Uint8Array(rows * columns).fill(NEVER);
      drawStrip(palette, layout.gap);
      drawLabels(rows, columns, palette);
      return true;
    },
    /** Paints what changed of `cells`, `[rows, columns]`. */
    paint(cells: Uint8Array, columns: number): void {
      if (!context || !layout) return;
      const left = Math.round(layout.labelWidth * scale);
      const top = Math.round(layout.labelHeight * scale);
      for (let index = 0; index < cells.length; index++) {
        const cell = cells[index]!;
        if (cell === painted[index]) continue;
        painted[index] = cell;
        const x = left + (index % columns) * pitch;
        const y = top + Math.floor(index / columns) * pitch;
        context.clearRect(x, y, pitch, pitch);
        context.drawImage(strip, cell * pitch, 0, pitch, pitch, x, y, pitch, pitch);
      }
    },
    /** Row and column under a point of the canvas, CSS pixels; they may lie outside the grid. */
    at(x: number, y: number): { row: number; column: number } {
      if (!layout) return { row: -1, column: -1 };
      const left = Math.round(layout.labelWidth * scale);
      const top = Math.round(layout.labelHeight * scale);
      return {
        row: Math.floor((y * scale - top) / pitch),
        column: Math.floor((x * scale - left) / pitch),
      };
    },
    forget(): void {
      shape = "";
    },
  };
}
