/** The page of `e2e/device-loss.spec.ts`: the library, whose worker is exchanged for one that loses its devices. */
import { type Model, type Notice, WebMoE } from "../../src/index.ts";
import { CHANNEL, type Point } from "./points.ts";

const script = new URL("./worker.ts?worker_file&type=module", import.meta.url);
let pointsOfLoad: readonly Point[] = [];
globalThis.Worker = class extends Worker {
  constructor() {
    super(script, { type: "module", name: JSON.stringify(pointsOfLoad) });
  }
};

const channel = new BroadcastChannel(CHANNEL);
function setPoints(points: readonly Point[]): Promise<void> {
  return new Promise((resolve) => {
    channel.addEventListener("message", () => resolve(), { once: true });
    channel.postMessage(points);
  });
}

let model: Model | undefined;
const notices: Notice["kind"][] = [];

/** What a page sees of one generation. */
export interface Answer {
  readonly ids: readonly number[];
  readonly notices: readonly Notice["kind"][];
  readonly deviceLosses: number;
  /** Of `info.numerics`, when the answer is whole. */
  readonly backend: string;
}

const API = {
  /** Loads the embedded model on WebGPU; the device goes at `points`. */
  async load(expertBudget: `${number}%`, points: readonly Point[]): Promise<void> {
    pointsOfLoad = points;
    model = await WebMoE.load(new URL("../../models/demo-moe-q4_k.gguf", import.meta.url), {
      backend: "webgpu",
      store: "memory",
      expertBudget,
      // What is guessed, called off and then needed is fetched twice.
      prediction: "none",
      completeInBackground: false,
      onNotice: ({ kind }) => notices.push(kind),
    });
  },
  /** A greedy answer; `points` are set when so many tokens of it have come. */
  async answer(
    prompt: string,
    maxTokens: number,
    { points = [], after = 0 }: { readonly points?: readonly Point[]; readonly after?: number },
  ): Promise<Answer> {
    notices.length = 0;
    if (after === 0) await setPoints(points);
    const ids: number[] = [];
    for await (const { id } of model!.generate(prompt, { temperature: 0, maxTokens })) {
      ids.push(id);
      if (ids.length === after) await setPoints(points);
    }
    const { deviceLosses } = await model!.stats();
    return { ids, notices: [...notices], deviceLosses, backend: model!.info.numerics.backend };
  },
};

declare global {
  interface Window {
    deviceLoss?: typeof API;
  }
}

window.deviceLoss = API;
