import type { LoadProgress } from "../index.ts";
import { byId } from "./dom.ts";
import { EXAMPLES, type PromptForm } from "./examples.ts";
import { describeProgress } from "./progress.ts";
import type { Phase } from "./session.ts";

export interface PromptPanelEvents {
  onGenerate(): void;
  onStop(): void;
  /** The person turned to the prompt or the examples: a good moment to get the model ready. */
  onFirstTouch(): void;
}

/** Prompt, examples, Generate and Stop, and the progress of a load. */
export function createPromptPanel(events: PromptPanelEvents) {
  const form = byId("prompt-panel", HTMLFormElement);
  const prompt = byId("prompt", HTMLTextAreaElement);
  const generate = byId("generate", HTMLButtonElement);
  const stop = byId("stop", HTMLButtonElement);
  const loading = byId("loading", HTMLElement);
  const loadingText = byId("loading-text", HTMLElement);
  const bar = byId("loading-bar", HTMLProgressElement);
  const formChoice = byId("form-choice", HTMLFieldSetElement);
  const examples = byId("examples", HTMLElement);
  const radios = [...document.querySelectorAll<HTMLInputElement>('input[name="prompt-form"]')];

  for (const example of EXAMPLES) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chip";
    button.textContent = example.label;
    button.addEventListener("click", () => {
      prompt.value = example.prompt;
      for (const radio of radios) radio.checked = radio.value === example.form;
      prompt.focus();
    });
    examples.append(button);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    events.onGenerate();
  });
  // Not the whole form: whoever opens the settings first may be about to choose another backend.
  for (const element of [prompt, examples]) {
    element.addEventListener("focusin", () => events.onFirstTouch(), { once: true });
  }
  stop.addEventListener("click", () => events.onStop());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !stop.disabled) {
      event.preventDefault();
      events.onStop();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !generate.disabled) {
      event.preventDefault();
      events.onGenerate();
    }
  });
  if (/Mac|iP(hone|ad)/.test(navigator.userAgent)) byId("generate-key", HTMLElement).textContent = "⌘";

  return {
    prompt: (): string => prompt.value,
    focus: (): void => prompt.focus(),
    form: (): PromptForm =>
      !formChoice.hidden && radios.some((radio) => radio.checked && radio.value === "question")
        ? "question"
        : "continue",
    /** Examples and the chat form are the embedded model's. */
    setEmbedded(isEmbedded: boolean): void {
      formChoice.hidden = !isEmbedded;
      examples.hidden = !isEmbedded;
    },
    /** `busy`: a generation was asked for and has not ended. */
    showPhase(phase: Phase, busy: boolean): void {
      const focused = document.activeElement;
      generate.disabled = busy;
      stop.disabled = !busy && phase !== "loading";
      // The button that was pressed goes dead under the keyboard: hand the focus to the one that works now.
      if (focused === generate && generate.disabled) stop.focus();
      if (focused === stop && stop.disabled) generate.focus();
      loading.hidden = phase !== "loading";
      if (phase !== "loading") return;
      loadingText.textContent = "Opening the model";
      bar.removeAttribute("value");
    },
    showProgress(progress: LoadProgress): void {
      loadingText.textContent = describeProgress(progress);
      const isMeasured = progress.phase !== "header" && progress.totalBytes > 0;
      if (isMeasured) {
        bar.max = progress.totalBytes;
        bar.value = Math.min(progress.loadedBytes, progress.totalBytes);
      } else bar.removeAttribute("value");
    },
  };
}
