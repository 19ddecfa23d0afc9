/**
 * The demo page: joins the panels to one session. Everything it does with a model goes through the library's public
 * face, so it is also the library's first user.
 */
import { type GenerateResult, type Model, type Token, WebMoE } from "../index.ts";
import { createAlert } from "./alert.ts";
import { createAnnouncer } from "./announce.ts";
import { createChatPanel, cutOffNote } from "./chat/chat-panel.ts";
import { byId } from "./dom.ts";
import type { Mode } from "./examples.ts";
import { createExpertsPanel } from "./experts/experts-panel.ts";
import { createFigures } from "./figures.ts";
import { formatCount } from "./format.ts";
import { type AnswerJournal, createJournal } from "./journal/journal.ts";
import { type AnswerStart, type CutOffAnswer, journalStore, textOf } from "./journal/journal-store.ts";
import { checkSameModel } from "./journal/same-model.ts";
import { createKeyboardMap } from "./keyboard.ts";
import { createMeter } from "./meter.ts";
import { createModelPanel } from "./model-panel.ts";
import { createModelsView } from "./models/models-view.ts";
import { createMonitor } from "./monitor.ts";
import { createOfflineUse } from "./offline/registration.ts";
import { createOutputView } from "./output-view.ts";
import { describeProgress } from "./progress.ts";
import { createPromptPanel } from "./prompt-panel.ts";
import { createSession, type Phase } from "./session.ts";
import { createSettings } from "./settings.ts";
import { ChoiceError, type ModelChoice } from "./sources.ts";
import { createNotices, type Notice } from "./states/notices.ts";
import { watchStates } from "./states/watch.ts";
import { createWriters, type Writer } from "./writers.ts";

const ENDINGS: Record<GenerateResult["reason"], string> = {
  "end-of-sequence": "the model ended here",
  "stop-string": "ended at a stop string",
  "max-tokens": "reached max tokens",
  "context-full": "the context is full",
};

const CUT_OFF: Notice = {
  headline: "An answer was cut off when the page was closed.",
  advice: "Nothing is lost: it can go on with the words that it would have had.",
};

const alert = createAlert();
const announcer = createAnnouncer(byId("announcer", HTMLElement));
const output = createOutputView({
  onContinue: continueAnswer,
  onDiscard: ({ id }) => void journal.discard(id),
});
const figures = createFigures();
const experts = createExpertsPanel();
const monitor = createMonitor(figures, experts);
let phase: Phase = "empty";
let busy = false;
let afterwards: (() => void) | undefined;
/** What the last text came to is still read from its model; the next text on that model waits for it. */
let settling: { readonly model: Model; readonly done: Promise<void> } | undefined;

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
  onNotice(notice) {
    states.engineActed(notice);
    modelPanel.show("", notice.info);
    figures.showDetails(notice.info);
  },
  onModel(model) {
    monitor.attach(model);
    modelPanel.show("", model?.info);
    modelsView.refresh();
    if (!model) return;
    announcer.say("Model ready");
    offlineUse.modelLoaded();
    void checkRoom(model);
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

const modelsView = createModelsView({ onUse: modelPanel.load, onFailure: (error) => alert.show(error) });

const settings = createSettings(() => {
  try {
    configure(modelPanel.current());
  } catch {
    // No model is chosen yet; the new setting counts when one is.
  }
});

const chat = createChatPanel({
  onAsk: () => void write(() => writers.answer(settings.systemMessage())),
  onContinue: continueAnswer,
  onDiscard: ({ id }) => void journal.discard(id),
  onRemoved: (id) => void experts.forget(id),
  onNothingKept: () => states.nothingKept(),
});

const journal = createJournal(journalStore());
const writers = createWriters(output, chat, announcer);

/** The conversation stands above its prompt, a continuation below: each where the next word is looked for. */
function showMode(mode: Mode): void {
  const isChat = mode === "chat";
  byId("output-panel", HTMLElement).hidden = isChat;
  byId("chat-panel", HTMLElement).hidden = !isChat;
}

function configure(choice: ModelChoice): void {
  session.configure({
    source: choice.source,
    options: {
      ...settings.engine(),
      ...(choice.hubToken !== undefined && { hubToken: choice.hubToken }),
    },
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

function generate(): void {
  const text = promptPanel.prompt();
  const isChat = promptPanel.mode() === "chat";
  void write(() => {
    if (text.trim() === "") throw new ChoiceError("Write a prompt first, or take one of the examples.");
    if (!isChat) return writers.continuation(text);
    // Refused here, the words stay in the field.
    modelPanel.current();
    chat.ask(text.trim());
    promptPanel.empty();
    return writers.answer(settings.systemMessage());
  });
}

async function write(writerFor: () => Writer): Promise<void> {
  if (busy) return;
  alert.clear();
  try {
    const writer = writerFor();
    setBusy(true);
    notices.set("cut-off", false, CUT_OFF);
    configure(modelPanel.current());
    promptPanel.showPhase(session.model ? phase : "loading", busy);
    figures.showRate(Number.NaN);
    figures.showFirstToken(undefined);
    await generateInto(writer);
  } catch (error) {
    fail(error);
  } finally {
    setBusy(false);
    // After most failures the model is there as before, and at rest.
    if (session.model) await settle(session.model);
  }
}

async function settle(model: Model): Promise<void> {
  const done = monitor.settle(model);
  settling = { model, done };
  await done;
  await checkRoom(model);
}

async function checkRoom(model: Model): Promise<void> {
  const stats = await model.stats().catch(() => undefined);
  if (stats) await states.checkRoom(model.info, stats);
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
  output.setBusy(busy);
}

/** One generation with its figures and its journal. Throws the library's errors. */
async function generateInto(writer: Writer): Promise<void> {
  const { cutOff, subject } = writer;
  const known = cutOff?.tokens ?? [];
  const options = cutOff?.options ?? settings.sampling();
  const element = writer.begin();
  const meter = createMeter(figures);
  const written: Token[] = [...known];
  let start: AnswerStart | undefined = cutOff;
  let entry: AnswerJournal | undefined;
  const writing = session.generate(
    options,
    {
      async onStart(model) {
        if (cutOff) checkSameModel(model.info, cutOff);
        start = cutOff ?? (await answerStart(model, writer, options));
        entry = await journal.open(start, known);
        if (!entry) throw new ChoiceError("Another tab is writing this answer.");
        if (settling?.model === model) await settling.done;
        meter.start();
        experts.begin(subject, element);
        for (const token of known) experts.token(token);
        void monitor.begin(model);
        return start.promptIds;
      },
      onToken(token) {
        written.push(token);
        entry?.add(token);
        writer.append(token.text);
        experts.token(token);
        meter.count();
      },
    },
    known.map(({ id }) => id),
  );
  const result = await writing.catch(async (error: unknown) => {
    const isWorthKeeping = start !== undefined && written.length > 0;
    await (isWorthKeeping ? entry?.breakOff() : entry?.end());
    await writer.end(
      isWorthKeeping ? cutOffNote(written.length) : "",
      isWorthKeeping ? { ...start!, tokens: written } : undefined,
    );
    throw error;
  });
  if (cutOff && !entry) {
    // Stopped before it went on.
    await writer.end(cutOffNote(known.length), cutOff);
    return;
  }
  await entry?.end();
  meter.finish();
  if (result) figures.showFirstToken(result.firstTokenSeconds);
  const count = result?.generatedTokens ?? written.length;
  const ending = result ? ENDINGS[result.reason] : "stopped";
  const note = `${formatCount(count)} ${count === 1 ? "token" : "tokens"}, ${ending}. Seed ${options.seed}.`;
  await writer.end(note, undefined);
}

async function answerStart(
  model: Model,
  { prompt, subject }: Writer,
  options: AnswerStart["options"],
): Promise<AnswerStart> {
  const { info } = model;
  return {
    id: crypto.randomUUID(),
    conversation: subject.isKept ? subject.id : undefined,
    prompt,
    promptIds: await model.tokenize(prompt),
    options,
    model: { name: info.name, fileBytes: info.fileBytes },
    numerics: info.numerics,
  };
}

/** Goes on with an answer that was cut off, where it is shown. */
function continueAnswer(cutOff: CutOffAnswer): void {
  const { prompt } = cutOff;
  void write(() =>
    typeof prompt === "string"
      ? writers.continuation(prompt, cutOff)
      : writers.answer(settings.systemMessage(), cutOff),
  );
}

/** Shows what an earlier visit did not end, and offers to go on with it. */
async function showCutOff(): Promise<void> {
  const all = await journal.cutOff();
  const begun = all.filter(({ tokens }) => tokens.length > 0);
  const texts = begun.filter(({ conversation }) => conversation === undefined);
  const answers = begun.filter(({ conversation }) => conversation !== undefined);
  const text = texts.pop();
  const adopted = await chat.adopt(answers);
  for (const { id } of [...texts, ...all.filter(({ tokens }) => tokens.length === 0)])
    void journal.discard(id);
  if (text && typeof text.prompt === "string" && !busy) {
    output.begin(text.prompt, textOf(text.tokens));
    output.end(cutOffNote(text.tokens.length), text);
  }
  const latest = begun.findLast((each) => each === text || adopted.includes(each));
  if (!latest) return;
  notices.set("cut-off", true, {
    ...CUT_OFF,
    action: {
      label: "Continue",
      act() {
        if (latest.conversation !== undefined) chat.open(latest.conversation);
        promptPanel.setMode(latest.conversation === undefined ? "continue" : "chat");
        continueAnswer(latest);
      },
    },
  });
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
void showCutOff();
