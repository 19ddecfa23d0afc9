import type { ExpertSnapshot, Model, Stats, Token } from "../../index.ts";
import { byId } from "../dom.ts";
import { download, fileName } from "../download.ts";
import type { createCharts } from "./charts.ts";
import { createFingerprintView } from "./fingerprint-view.ts";
import { createGridView } from "./grid-view.ts";
import { createHistory, historyCsv, seriesOf } from "./history.ts";
import { createLayerTable } from "./layer-table.ts";
import { createRecording, type RoutedText, type Subject } from "./recording.ts";
import { routingOf } from "./routing-log.ts";
import { createTokenPicker } from "./token-picker.ts";
import { count, emptyUsage, usageCsv } from "./usage.ts";
import { usageStore } from "./usage-store.ts";

const LOOKS = ["now", "usage", "token"] as const;
type LookName = (typeof LOOKS)[number];
const READ_MS = 1000;

/** Everything that the page shows of experts: the picture, tokens, fingerprints, figures over time, and files of them. */
export function createExpertsPanel() {
  const grid = createGridView();
  const table = createLayerTable();
  const fingerprints = createFingerprintView();
  const recording = createRecording();
  const history = createHistory();
  const store = usageStore();
  const tools = byId("experts-tools", HTMLElement);
  const legend = byId("experts-legend", HTMLElement);
  const radios = [...document.querySelectorAll<HTMLInputElement>('input[name="look"]')];
  const compare = byId("fingerprints", HTMLDetailsElement);
  const overTime = byId("over-time", HTMLDetailsElement);
  let charts: ReturnType<typeof createCharts> | undefined;
  let model: Model | undefined;
  let snapshot: ExpertSnapshot | undefined;
  let lastRead = 0;

  const identity = ({ info }: Model): string =>
    `${info.name}, ${info.fileBytes} bytes, ${info.layerCount} × ${info.expertCount}`;

  const picker = createTokenPicker({
    onToken(text, token, isForGood) {
      if (isForGood) setRadio("token");
      showToken(text, token);
    },
    onLeave: () => showLook(),
  });

  function look(): LookName {
    const value = radios.find(({ checked }) => checked)?.value;
    return LOOKS.find((name) => name === value) ?? "now";
  }
  function setRadio(name: LookName): void {
    for (const radio of radios) radio.checked = radio.value === name;
  }
  for (const radio of radios) radio.addEventListener("change", () => showLook());

  function showToken(text: RoutedText, token: number): void {
    legend.dataset.look = "token";
    const pass = text.passes[token];
    const routing = pass ? routingOf(pass) : [];
    grid.setLook({ kind: "token", routing });
    if (snapshot) table.show(snapshot, recording.usage(), routing);
  }

  function showLook(): void {
    const name = look();
    const chosen = picker.chosen();
    picker.mark(name === "token");
    if (name === "token" && chosen) {
      showToken(chosen.text, chosen.token);
      return;
    }
    legend.dataset.look = name;
    const usage = recording.usage();
    grid.setLook(name === "usage" && usage ? { kind: "usage", usage } : { kind: "now" });
    if (snapshot) table.show(snapshot, usage, undefined);
  }

  async function showFingerprints(): Promise<void> {
    if (!compare.open || !model) return;
    const shown = model;
    const all = await store.of(identity(shown));
    if (model === shown) fingerprints.show(all.reverse());
  }
  compare.addEventListener("toggle", () => void showFingerprints());

  async function showCharts(): Promise<void> {
    if (!overTime.open || history.samples().length < 2) return;
    // Where they cannot be had, the figures are there all the same.
    const module = charts ? undefined : await import("./charts.ts").catch(() => undefined);
    if (module) charts ??= module.createCharts(byId("charts", HTMLElement));
    charts?.show(seriesOf(history.samples()));
  }
  overTime.addEventListener("toggle", () => void showCharts());

  const csv = (text: string): Blob => new Blob([text], { type: "text/csv" });
  const files: Readonly<Record<string, (name: string) => Promise<void>>> = {
    async "export-trace"(name) {
      await recording.read();
      const trace = recording.trace();
      if (trace) download(`${name}.wmrt`, trace);
    },
    async "export-picture"(name) {
      const picture = await grid.picture();
      if (picture) download(`${name}-experts.png`, picture);
    },
    async "export-usage"(name) {
      await recording.read();
      const usage = recording.usage();
      if (usage) download(`${name}-usage.csv`, csv(usageCsv(usage)));
    },
    async "export-history"(name) {
      download(`${name}-over-time.csv`, csv(historyCsv(history.samples())));
    },
  };
  for (const [id, act] of Object.entries(files))
    byId(id, HTMLButtonElement).addEventListener("click", () => {
      if (model) void act(fileName(model.info.name));
    });

  return {
    /** Begins with another model, or with none. */
    attach(next: Model | undefined): void {
      model = next;
      snapshot = undefined;
      tools.hidden = true;
      recording.attach(next);
      history.clear();
      picker.clear();
      setRadio("now");
      if (!next) {
        grid.clear();
        table.clear();
      }
      showLook();
    },
    /** A text begins, shown in `element`. */
    begin(subject: Subject, element: HTMLElement): void {
      setRadio("now");
      recording.begin(subject, element);
      showLook();
    },
    token: (token: Token): void => recording.add(token),
    /** What the device holds now, while a text is written or at rest. */
    show(next: ExpertSnapshot, stats: Stats): void {
      const isFirst = !snapshot;
      snapshot = next;
      grid.show(next);
      history.add(performance.now(), stats);
      if (isFirst) {
        tools.hidden = false;
        showLook();
      }
      const now = performance.now();
      if (now - lastRead < READ_MS) return;
      lastRead = now;
      void recording.read().then(() => {
        if (look() === "usage") showLook();
      });
      void showCharts();
    },
    /** The text has ended: its routing can be looked at, and is added to its fingerprint. */
    async settle(): Promise<void> {
      await recording.read();
      const text = recording.finish();
      if (text && model && text.passes.length > 0) {
        picker.offer(text);
        const { id, title, isKept } = text.subject;
        const { layerCount, expertCount } = model.info;
        // Another model may be chosen while the store is asked.
        const writer = identity(model);
        const usage = (await store.get(writer, id))?.usage ?? emptyUsage(layerCount, expertCount);
        for (const pass of text.passes) if (pass) count(usage, pass);
        await store.save({ id, title, model: writer, usage }, isKept);
      }
      showLook();
      await Promise.all([showFingerprints(), showCharts()]);
    },
    /** A conversation was deleted. */
    forget: (id: string): Promise<void> => store.remove(id),
  };
}

export type ExpertsPanel = ReturnType<typeof createExpertsPanel>;
