/**
 * The demo page: joins the panels to one session. Everything it does with a model goes through the library's public
 * face, so it is also the library's first user.
 */
import { type GenerateResult, type Model, type Prompt, WebMoE } from "../index.ts";
import { createAlert } from "./alert.ts";
import { createAnnouncer } from "./announce.ts";
import { createChatPanel } from "./chat/chat-panel.ts";
import { titleFrom } from "./chat/conversation.ts";
import { byId } from "./dom.ts";
import type { Mode } from "./examples.ts";
import { createExpertsPanel } from "./experts/experts-panel.ts";
import type { Subject } from "./experts/recording.ts";
import { createFigures } from "./figures.ts";
import { formatCount } from "./format.ts";
import { createKeyboardMap } from "./keyboard.ts";
import { createMeter } from "./meter.ts";
import { createModelPanel } from "./model-panel.ts";
import { createMonitor } from "./monitor.ts";
import { createOfflineUse } from "./offline/registration.ts";
import { createOutputView } from "./output-view.ts";
import { describeProgress } from "./progress.ts";
import { createPromptPanel } from "./prompt-panel.ts";
import { createSession, type Phase } from "./session.ts";
import { createSettings } from "./settings.ts";
import { ChoiceError, type ModelChoice } from "./sources.ts";
import { createNotices } from "./states/notices.ts";
import { watchStates } from "./states/watch.ts";

const ENDINGS: Record<GenerateResult["reason"], string> = {
  "end-of-sequence": "the model ended here",
  "stop-string": "ended at a stop string",
  "max-tokens": "reached max tokens",
  "context-full": "the context is full",
};

const alert = createAlert();
const announcer = createAnnouncer();
const output = createOutputView(announcer);
const figures = createFigures();
const experts = createExpertsPanel();
const monitor = createMonitor(figures, experts);
let phase: Phase = "empty";
let busy = false;
let afterwards: (() => void) | undefined;

const notices = createNotices();
const states = watchStates(notices);
const offlineUse = createOfflineUse({
  onUpdate: (takeOver) =>
    notices.set("update", true, {
      headline: "A new version of this page is ready.",
      advice: "It takes over when you reload; an answer being written is waited for.",
      action: { label: "Reload", act: () => whenIdle(takeOver) },
    }),
});

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
    if (!model) return;
    announcer.say("Model ready");
    offlineUse.modelLoaded();
    void model.stats().then(
      (stats) => states.checkRoom(model.info, stats),
      () => undefined,
    );
  },
});

const promptPanel = createPromptPanel({
  onGenerate: generate,
  onStop: () => session.stop(),
  onMode: showMode,
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

const chat = createChatPanel({
  onAsk: () => void write(nextAnswer),
  onRemoved: (id) => void experts.forget(id),
  onNothingKept: () => states.nothingKept(),
});

/** The conversation stands above its prompt, a continuation below: each where the next word is looked for. */
function showMode(mode: Mode): void {
  const isChat = mode === "chat";
  byId("output-panel", HTMLElement).hidden = isChat;
  byId("chat-panel", HTMLElement).hidden = !isChat;
}

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

/** Where a text goes: the continuation of a prompt, or the next answer of a conversation. */
interface Writer {
  readonly prompt: Prompt;
  readonly subject: Subject;
  /** Where the text is shown. */
  begin(): HTMLElement;
  append(piece: string): void;
  end(note: string): void | Promise<void>;
}

const continuation = (text: string): Writer => ({
  prompt: text,
  subject: { id: crypto.randomUUID(), title: titleFrom(text), isKept: false },
  begin: () => output.begin(text),
  append: output.append,
  end: output.end,
});

const nextAnswer = (): Writer => ({
  prompt: chat.messages(settings.systemMessage()),
  subject: chat.subject(),
  begin() {
    announcer.begin();
    return chat.begin();
  },
  append(piece) {
    chat.append(piece);
    announcer.grow(piece);
  },
  async end(note) {
    announcer.end(note);
    await chat.end(note);
  },
});

function generate(): void {
  const text = promptPanel.prompt();
  const isChat = promptPanel.mode() === "chat";
  void write(() => {
    if (text.trim() === "") throw new ChoiceError("Write a prompt first, or take one of the examples.");
    if (!isChat) return continuation(text);
    // Refused here, the words stay in the field.
    modelPanel.current();
    chat.ask(text.trim());
    promptPanel.empty();
    return nextAnswer();
  });
}

async function write(writerFor: () => Writer): Promise<void> {
  if (busy) return;
  alert.clear();
  let model: Model | undefined;
  try {
    const writer = writerFor();
    setBusy(true);
    configure(modelPanel.current());
    promptPanel.showPhase(session.model ? phase : "loading", busy);
    figures.showRate(Number.NaN);
    figures.showFirstToken(undefined);
    model = await generateInto(writer);
  } catch (error) {
    fail(error);
  } finally {
    setBusy(false);
    if (model && model === session.model) {
      await monitor.settle(model);
      await model.stats().then(
        (stats) => states.checkRoom(model!.info, stats),
        () => undefined,
      );
    }
  }
}

/** Runs at once, or when the text being written has ended. */
function whenIdle(act: () => void): void {
  if (busy) afterwards = act;
  else act();
}

function setBusy(next: boolean): void {
  busy = next;
  if (!busy) afterwards?.();
  promptPanel.showPhase(phase, busy);
  chat.setBusy(busy);
}

/** One generation with its figures; the model it ran on. Throws the library's errors. */
async function generateInto(writer: Writer): Promise<Model | undefined> {
  const options = settings.sampling();
  const element = writer.begin();
  const meter = createMeter(figures);
  const writing = session.generate(writer.prompt, options, {
    onStart(model) {
      meter.start();
      experts.begin(writer.subject, element);
      void monitor.begin(model);
    },
    onToken(token) {
      writer.append(token.text);
      experts.token(token);
      meter.count();
    },
  });
  const result = await writing.catch(async (error: unknown) => {
    await writer.end(meter.tokens() === 0 ? "" : "Broken off.");
    throw error;
  });
  meter.finish();
  if (result) figures.showFirstToken(result.firstTokenSeconds);
  const count = result?.generatedTokens ?? meter.tokens();
  const ending = result ? ENDINGS[result.reason] : "stopped";
  await writer.end(
    `${formatCount(count)} ${count === 1 ? "token" : "tokens"}, ${ending}. Seed ${options.seed}.`,
  );
  return session.model;
}

const offlineChoice = byId("offline-use", HTMLSelectElement);
offlineChoice.value = offlineUse.isOn() ? "on" : "off";
offlineChoice.disabled = !offlineUse.isPossible;
offlineChoice.addEventListener("change", () => offlineUse.set(offlineChoice.value === "on"));

createKeyboardMap();
promptPanel.setEmbedded(modelPanel.isEmbedded());
promptPanel.showMode();
promptPanel.showPhase(phase, busy);
figures.clear();
