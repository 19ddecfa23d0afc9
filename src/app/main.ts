/**
 * The demo page: joins the panels to one session. Everything it does with a model goes through the library's public
 * face, so it is also the library's first user.
 */
import { type GenerateResult, type Model, WebMoE } from "../index.ts";
import { createAlert } from "./alert.ts";
import { composePrompt } from "./examples.ts";
import { createExpertsView } from "./experts-view.ts";
import { createFigures } from "./figures.ts";
import { formatCount } from "./format.ts";
import { createModelPanel } from "./model-panel.ts";
import { createMonitor } from "./monitor.ts";
import { createOutputView } from "./output-view.ts";
import { describeProgress } from "./progress.ts";
import { createPromptPanel } from "./prompt-panel.ts";
import { createSession, type Phase } from "./session.ts";
import { createSettings } from "./settings.ts";
import { ChoiceError, type ModelChoice } from "./sources.ts";

const ENDINGS: Record<GenerateResult["reason"], string> = {
  "end-of-sequence": "the model ended here",
  "stop-string": "ended at a stop string",
  "max-tokens": "reached max tokens",
  "context-full": "the context is full",
};

const alert = createAlert();
const output = createOutputView();
const figures = createFigures();
const monitor = createMonitor(figures, createExpertsView());
let phase: Phase = "empty";
let busy = false;

const session = createSession(WebMoE.load, {
  onPhase(next) {
    phase = next;
    promptPanel.showPhase(phase, busy);
  },
  onProgress(progress) {
    promptPanel.showProgress(progress);
    modelPanel.show(describeProgress(progress), undefined);
  },
  onModel(model) {
    monitor.attach(model);
    modelPanel.show("", model?.info);
    if (model) output.announce("Model ready");
  },
});

const promptPanel = createPromptPanel({
  onGenerate: () => void generate(),
  onStop: () => session.stop(),
  onFirstTouch() {
    // Only what came with the page is loaded unasked, and only where the person does not save data.
    const savesData =
      "connection" in navigator && Reflect.get(Object(navigator.connection), "saveData") === true;
    if (modelPanel.isEmbedded() && !savesData) prepare(modelPanel.current());
  },
});

const modelPanel = createModelPanel({
  onChoice(choice, start) {
    alert.clear();
    promptPanel.setEmbedded(modelPanel.isEmbedded());
    if (!choice) session.clear();
    else if (start) prepare(choice);
    else configure(choice);
  },
  onFailure: (error) => alert.show(error),
});

const settings = createSettings(() => {
  try {
    configure(modelPanel.current());
  } catch {
    // No model is chosen yet; the new setting counts when one is.
  }
});

function configure(choice: ModelChoice): void {
  session.configure({
    source: choice.source,
    backend: settings.backend(),
    expertBudget: settings.expertBudget(),
    completeInBackground: settings.completeInBackground(),
  });
}

function prepare(choice: ModelChoice): void {
  configure(choice);
  if (!session.model) modelPanel.show(`Opening ${choice.label}`, undefined);
  session.load().catch((error: unknown) => {
    // A generation that waits for this load reports the failure itself.
    if (!busy) fail(error);
  });
}

function fail(error: unknown): void {
  if (!session.model) modelPanel.show("", undefined);
  alert.show(error);
}

async function generate(): Promise<void> {
  if (busy) return;
  alert.clear();
  const text = promptPanel.prompt();
  const form = promptPanel.form();
  busy = true;
  let model: Model | undefined;
  try {
    if (text.trim() === "") throw new ChoiceError("Write a prompt first, or take one of the examples.");
    configure(modelPanel.current());
    promptPanel.showPhase(session.model ? phase : "loading", busy);
    figures.showRate(Number.NaN);
    figures.showFirstToken(undefined);
    model = await generateFrom(text, form);
  } catch (error) {
    fail(error);
  } finally {
    busy = false;
    promptPanel.showPhase(phase, busy);
    if (model && model === session.model) await monitor.settle(model);
  }
}

/** One generation with its figures; the model it ran on. Throws the library's errors. */
async function generateFrom(text: string, form: "continue" | "question"): Promise<Model | undefined> {
  const options = settings.sampling();
  output.begin(text, form);
  const meter = createMeter();
  const writing = session.generate(composePrompt(text, form), options, {
    onStart(model) {
      meter.start();
      void monitor.begin(model);
    },
    onToken(token) {
      output.append(token.text);
      meter.count();
    },
  });
  const result = await writing.catch((error: unknown) => {
    output.end(meter.tokens() === 0 ? "" : "Broken off.");
    throw error;
  });
  meter.finish();
  if (result) figures.showFirstToken(result.firstTokenSeconds);
  const count = result?.generatedTokens ?? meter.tokens();
  const ending = result ? ENDINGS[result.reason] : "stopped";
  output.end(`${formatCount(count)} ${count === 1 ? "token" : "tokens"}, ${ending}. Seed ${options.seed}.`);
  return session.model;
}

/** Tokens a second as the person sees them arrive, and the wait for the first. */
function createMeter() {
  let begun = 0;
  let first = 0;
  let last = 0;
  let shown = 0;
  let tokens = 0;
  /** The first token is the end of the prompt's time, not part of the rate. */
  const showRate = (until: number): void => figures.showRate((tokens - 1) / ((until - first) / 1000));
  return {
    tokens: () => tokens,
    start(): void {
      begun = performance.now();
    },
    count(): void {
      const now = performance.now();
      tokens++;
      if (tokens === 1) {
        first = now;
        figures.showFirstToken((now - begun) / 1000);
      } else if (now - shown > 200) {
        shown = now;
        showRate(now);
      }
      last = now;
    },
    finish: () => showRate(last),
  };
}

promptPanel.setEmbedded(modelPanel.isEmbedded());
promptPanel.showPhase(phase, busy);
figures.clear();
