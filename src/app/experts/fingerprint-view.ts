import { byId } from "../dom.ts";
import { formatCount } from "../format.ts";
import { mostUsed, overlap, shares, type Usage } from "./usage.ts";
import type { Fingerprint } from "./usage-store.ts";

const LAYERS_TOLD = 3;

/** One pixel an expert; the stylesheet scales it up. */
function paint(canvas: HTMLCanvasElement, usage: Usage): void {
  canvas.width = usage.expertCount;
  canvas.height = usage.layerCount;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const styles = getComputedStyle(canvas);
  pen.fillStyle = styles.getPropertyValue("--field");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = styles.getPropertyValue("--expert-used");
  const share = shares(usage);
  for (let layer = 0; layer < usage.layerCount; layer++) {
    const row = share.subarray(layer * usage.expertCount, (layer + 1) * usage.expertCount);
    const most = row.reduce((max, value) => Math.max(max, value), 0);
    row.forEach((value, expert) => {
      if (value === 0) return;
      pen.globalAlpha = Math.sqrt(value / most);
      pen.fillRect(expert, layer, 1, 1);
    });
  }
}

function describe({ title, usage }: Fingerprint): string {
  const layers = Array.from({ length: usage.layerCount }, (_, layer) => ({
    layer,
    top: mostUsed(usage, layer, 1)[0],
  }));
  const told = layers
    .flatMap(({ layer, top }) => (top ? [{ layer, ...top }] : []))
    .sort((a, b) => b.share - a.share)
    .slice(0, LAYERS_TOLD)
    .map(({ layer, expert, share }) => `expert ${expert} of layer ${layer}, ${Math.round(share * 100)} %`);
  return `Usage by “${title}”, ${formatCount(usage.tokens)} tokens. Most used: ${told.join("; ")}.`;
}

/** Two texts' usage of the experts, side by side, and how much of it they share. */
export function createFingerprintView() {
  const sides = (["a", "b"] as const).map((side) => ({
    chooser: byId(`fingerprint-${side}`, HTMLSelectElement),
    canvas: byId(`fingerprint-${side}-picture`, HTMLCanvasElement),
  }));
  const result = byId("fingerprint-overlap", HTMLElement);
  let known: readonly Fingerprint[] = [];

  function draw(): void {
    const chosen = sides.map(({ chooser }) => known.find(({ id }) => id === chooser.value));
    sides.forEach(({ canvas }, i) => {
      const fingerprint = chosen[i];
      canvas.hidden = !fingerprint;
      if (!fingerprint) return;
      paint(canvas, fingerprint.usage);
      canvas.setAttribute("aria-label", describe(fingerprint));
    });
    const [a, b] = chosen;
    const common = a && b && overlap(a.usage, b.usage);
    result.textContent =
      known.length < 2
        ? "Write a second text or conversation with this model to compare."
        : common === undefined
          ? ""
          : `${Math.round(common * 100)} % of their routing is the same (${formatCount(a!.usage.tokens)} and ${formatCount(b!.usage.tokens)} tokens).`;
  }

  for (const { chooser } of sides) chooser.addEventListener("change", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  return {
    /** Offers these, newest first; what was chosen stays chosen. */
    show(fingerprints: readonly Fingerprint[]): void {
      known = fingerprints;
      let first: Fingerprint | undefined;
      sides.forEach(({ chooser }) => {
        const chosen = known.find(({ id }) => id === chooser.value);
        // A text beside itself says nothing, once there is another.
        const before =
          chosen && chosen !== first ? chosen : (known.find((other) => other !== first) ?? known[0]);
        first ??= before;
        chooser.replaceChildren(
          ...known.map(({ id, title }) => new Option(title, id, false, id === before?.id)),
        );
        chooser.disabled = known.length === 0;
      });
      draw();
    },
  };
}
