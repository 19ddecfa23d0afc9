import type { LoadProgress } from "../index.ts";
import { byId } from "./dom.ts";
import { EXAMPLES, type Mode } from "./examples.ts";
import { describeProgress } from "./progress.ts";
import type { Phase } from "./session.ts";

export interface PromptPanelEvents {
  onGenerate(): void;
  onStop(): void;
  onMode(mode: Mode): void;
  /** The person turned to the prompt or the examples: a good moment to get the model ready. */
  onFirstTouch(): void;
}

/** Prompt, examples, Generate and Stop, and the progress of a load. */
export function createPromptPanel(events: PromptPanelEvents) {
  const form = byId("prompt-panel", HTMLFormElement);
  const prompt = byId("prompt", HTMLTextAreaElement);
  const label = byId("prompt-label", HTMLLabelElement);
  const generate = byId("generate", HTMLButtonElement);
  const stop = byId("stop", HTMLButtonElement);
  const loading = byId("loading", HTMLElement);
  const loadingText = byId("loading-text", HTMLElement);
  const bar = byId("loading-bar", HTMLProgressElement);
  const examples = byId("examples", HTMLElement);
  const radios = [...document.querySelectorAll<HTMLInputElement>('input[name="mode"]')];
  const canHover = matchMedia("(pointer: fine)");

  const mode = (): Mode =>
    radios.some((radio) => radio.checked && radio.value === "chat") ? "chat" : "continue";
  function showMode(): void {
    const isChat = mode() === "chat";
    label.textContent = isChat ? "Message" : "Prompt";
    prompt.placeholder = isChat ? "Ask something…" : "Once upon a time…";
    generate.textContent = isChat ? "Send" : "Generate";
    events.onMode(mode());
  }
  for (const radio of radios) radio.addEventListener("change", showMode);

  function setMode(next: Mode): void {
    for (const radio of radios) radio.checked = radio.value === next;
    showMode();
  }

  for (const example of EXAMPLES) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chip";
    button.textContent = example.label;
    button.addEventListener("click", () => {
      prompt.value = example.prompt;
      setMode(example.mode);
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
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && !stop.disabled) {
      event.preventDefault();
      events.onStop();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !generate.disabled) {
      event.preventDefault();
      events.onGenerate();
    }
  });
  prompt.addEventListener("keydown", (event) => {
    // Under a thumb, Enter is the only way to a new line; with a keyboard, Shift and Enter is one.
    const sends = mode() === "chat" && canHover.matches && !event.shiftKey && !event.isComposing;
    if (event.key !== "Enter" || !sends || event.ctrlKey || event.metaKey || generate.disabled) return;
    event.preventDefault();
    events.onGenerate();
  });
  if (/Mac|iP(hone|ad)/.test(navigator.userAgent)) {
    for (const key of document.querySelectorAll(".command-key")) key.textContent = "⌘";
  }

  return {
    prompt: (): string => prompt.value,
    mode,
    /** Shows what the choice of mode means; a browser restores it from the last visit without an event. */
    showMode,
    setMode,
    empty(): void {
      prompt.value = "";
    },
    /** The examples are the embedded model's. */
    setEmbedded(isEmbedded: boolean): void {
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
