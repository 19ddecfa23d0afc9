/** Charts over time; loaded when they are first opened. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatBytes } from "../format.ts";
import type { Series } from "./history.ts";

const HEIGHT = 150;

interface Line {
  readonly label: string;
  /** A custom property of the stylesheet. */
  readonly colour: string;
  readonly dash?: number[];
  readonly of: (series: Series) => (number | null)[];
}

interface Chart {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly top?: number;
  readonly format: (value: number) => string;
}

const perCent = (value: number): string => `${Math.round(value)} %`;
const CHARTS: readonly Chart[] = [
  {
    title: "Experts found in a slot",
    lines: [{ label: "Hit rate", colour: "--accent", of: ({ hitRate }) => hitRate }],
    top: 100,
    format: perCent,
  },
  {
    title: "Time spent waiting for experts",
    lines: [{ label: "Stall", colour: "--expert-used", of: ({ stall }) => stall }],
    top: 100,
    format: perCent,
  },
  {
    title: "Bytes brought, since the model was loaded",
    // Told apart by their dashes too.
    lines: [
      { label: "Network", colour: "--expert-used", of: ({ network }) => network },
      { label: "Store", colour: "--accent", dash: [6, 3], of: ({ store }) => store },
      { label: "Memory", colour: "--quiet", dash: [2, 3], of: ({ host }) => host },
    ],
    format: formatBytes,
  },
];

const last = (values: readonly (number | null)[]): number | undefined =>
  values.findLast((value) => value !== null) ?? undefined;

/** Draws the charts into `host` and keeps them as wide as it is. */
export function createCharts(host: HTMLElement) {
  let plots: { readonly plot: uPlot; readonly chart: Chart; readonly figure: HTMLElement }[] = [];

  function dataOf(chart: Chart, series: Series): uPlot.AlignedData {
    return [series.seconds, ...chart.lines.map(({ of }) => of(series))] as uPlot.AlignedData;
  }

  function build(series: Series): void {
    const styles = getComputedStyle(host);
    const colour = (name: string): string => styles.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--quiet"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
    };
    for (const { plot } of plots) plot.destroy();
    host.replaceChildren();
    plots = CHARTS.map((chart) => {
      const figure = document.createElement("figure");
      const caption = document.createElement("figcaption");
      caption.textContent = chart.title;
      const frame = document.createElement("div");
      frame.setAttribute("role", "img");
      figure.append(caption, frame);
      host.append(figure);
      const plot = new uPlot(
        {
          width: host.clientWidth,
          height: HEIGHT,
          legend: { show: chart.lines.length > 1, live: false },
          cursor: { show: false },
          scales: {
            x: { time: false },
            y: { range: (_plot, _min, max) => [0, chart.top ?? Math.max(1, max)] },
          },
          axes: [
            { ...axis, size: 28, values: (_plot, values) => values.map((value) => `${value} s`) },
            { ...axis, size: 64, values: (_plot, values) => values.map(chart.format) },
          ],
          series: [
            {},
            ...chart.lines.map(({ label, colour: name, dash }) => ({
              label,
              stroke: colour(name),
              width: 1.5,
              points: { show: false },
              spanGaps: true,
              ...(dash ? { dash } : {}),
            })),
          ],
        },
        dataOf(chart, series),
        frame,
      );
      return { plot, chart, figure: frame };
    });
    describe(series);
  }

  function describe(series: Series): void {
    for (const { chart, figure } of plots) {
      const ends = chart.lines.map(({ label, of }) => {
        const value = last(of(series));
        return `${label} ${value === undefined ? "not known yet" : chart.format(value)}`;
      });
      figure.setAttribute(
        "aria-label",
        `${chart.title}, over ${Math.round(series.seconds.at(-1) ?? 0)} s. At the end: ${ends.join(", ")}.`,
      );
    }
  }

  let latest: Series | undefined;
  new ResizeObserver(() => {
    for (const { plot } of plots) plot.setSize({ width: host.clientWidth, height: HEIGHT });
  }).observe(host);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (latest) build(latest);
  });

  return {
    show(series: Series): void {
      latest = series;
      if (plots.length === 0) build(series);
      else {
        for (const { plot, chart } of plots) plot.setData(dataOf(chart, series));
        describe(series);
      }
    },
  };
}
