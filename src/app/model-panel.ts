import type { ModelInfo } from "../index.ts";
import { byId } from "./dom.ts";
import { formatBytes, formatParameters } from "./format.ts";
import { agreesToSize, sizeToAskFor } from "./models/size-question.ts";
import { ChoiceError, embeddedModel, type ModelChoice, modelFromAddress, modelFromFiles } from "./sources.ts";

export interface ModelPanelEvents {
  /** Another model was chosen; `start` says that the person asked for it to be loaded now. */
  onChoice(choice: ModelChoice | undefined, start: boolean): void;
  onFailure(error: unknown): void;
}

/** Model choice: the embedded model, an address, files picked or dropped anywhere on the page. */
export function createModelPanel(events: ModelPanelEvents) {
  const radios = [...document.querySelectorAll<HTMLInputElement>('input[name="model"]')];
  const url = byId("url", HTMLInputElement);
  const token = byId("hub-token", HTMLInputElement);
  const files = byId("files", HTMLInputElement);
  const line = byId("model-line", HTMLElement);
  const veil = byId("drop-veil", HTMLElement);
  const embedded = embeddedModel(document.baseURI);
  let fromUrl: { text: string; choice: ModelChoice } | undefined;
  let fromFiles: ModelChoice | undefined;
  /** The choice by address whose size the person has seen. */
  let agreed: ModelChoice | undefined;
  /** The choice by address whose size is asked for, of its server or of the person. */
  let asked: ModelChoice | undefined;

  const kind = (): string => radios.find((radio) => radio.checked)?.value ?? "embedded";

  function showKind(): void {
    const shown = kind();
    for (const name of ["embedded", "url", "files"])
      byId(`model-${name}`, HTMLElement).hidden = name !== shown;
  }

  /** The same address is the same choice: loading it twice must not load it anew. */
  function choiceFromUrl(): ModelChoice {
    const address = url.value.trim();
    const hubToken = token.value.trim();
    const text = `${address} ${hubToken}`;
    if (fromUrl?.text !== text) {
      const choice = modelFromAddress(address, document.baseURI);
      fromUrl = { text, choice: hubToken === "" ? choice : { ...choice, hubToken } };
    }
    return fromUrl.choice;
  }

  function choose(pick: () => ModelChoice | undefined, start: boolean): void {
    try {
      events.onChoice(pick(), start);
    } catch (error) {
      events.onFailure(error);
    }
  }

  /** Whether a choice by address may be loaded now; not if that is being asked already. */
  async function mayLoad(choice: ModelChoice): Promise<boolean> {
    if (choice === asked) return false;
    asked = choice;
    try {
      const bytes = await sizeToAskFor(choice);
      // Another model was chosen while the server was asked.
      if (kind() !== "url" || fromUrl?.choice !== choice) return false;
      return bytes === undefined || (await agreesToSize(choice, bytes));
    } finally {
      if (asked === choice) asked = undefined;
    }
  }

  /** Loads what a person typed, after they have seen how much it is. */
  async function loadTyped(): Promise<void> {
    try {
      const choice = choiceFromUrl();
      if (choice !== agreed && !(await mayLoad(choice))) return;
      agreed = choice;
      choose(() => choice, true);
    } catch (error) {
      events.onFailure(error);
    }
  }

  function takeFiles(list: FileList | null | undefined): void {
    choose(() => {
      fromFiles = modelFromFiles([...(list ?? [])]);
      for (const radio of radios) radio.checked = radio.value === "files";
      showKind();
      return fromFiles;
    }, true);
  }

  for (const radio of radios) {
    radio.addEventListener("change", () => {
      showKind();
      // An address being typed is no choice yet; one loaded before still is.
      choose(() => {
        if (kind() === "embedded") return embedded;
        return kind() === "files" ? fromFiles : fromUrl?.choice;
      }, false);
    });
  }
  byId("load-url", HTMLButtonElement).addEventListener("click", () => void loadTyped());
  url.addEventListener("keydown", (event) => {
    if (event.key === "Enter") void loadTyped();
  });
  files.addEventListener("change", () => {
    if (files.files?.length) takeFiles(files.files);
  });

  const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) veil.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    takeFiles(event.dataTransfer?.files);
  });
  // A browser restores the radio of the last visit without an event.
  showKind();

  return {
    /** The chosen model. Throws `ChoiceError` when an address or a file is still to be given. */
    current(): ModelChoice {
      if (kind() === "embedded") return embedded;
      if (kind() === "url") {
        const choice = choiceFromUrl();
        if (choice === agreed) return choice;
        throw new ChoiceError("Load the model at this address first: that says how large it is.");
      }
      if (!fromFiles) throw new ChoiceError("Pick a GGUF file first, or drop one on the page.");
      return fromFiles;
    },
    /** Whether the embedded model is chosen: the one whose chat form the page knows. */
    isEmbedded: (): boolean => kind() === "embedded",
    /** Takes a model whose size the person has seen, as if its address had been typed, and has it loaded. */
    load(source: string | readonly string[], label: string): void {
      const addresses = typeof source === "string" ? [source] : source;
      const isEmbedded = addresses.length === 1 && addresses[0] === embedded.source;
      for (const radio of radios) radio.checked = radio.value === (isEmbedded ? "embedded" : "url");
      showKind();
      choose(() => {
        if (isEmbedded) return embedded;
        url.value = addresses[0] ?? "";
        agreed = choiceFromUrl();
        // Files of a split model that do not lie beside each other are known only together.
        if (addresses.length > 1) {
          agreed = { ...agreed, label, source: addresses };
          fromUrl = { text: fromUrl!.text, choice: agreed };
        }
        return agreed;
      }, true);
    },
    /** One line on what is loaded. */
    show(label: string, info: ModelInfo | undefined): void {
      if (!info) {
        line.textContent = label;
        return;
      }
      const where = info.numerics.backend === "webgpu" ? "WebGPU" : "WebAssembly";
      const experts = `${info.expertsPerToken} of ${info.expertCount} experts a token`;
      line.textContent = [
        info.name || label,
        formatBytes(info.fileBytes),
        `${formatParameters(info.parameterCount)} parameters`,
        experts,
        where,
      ].join(" · ");
    },
  };
}
