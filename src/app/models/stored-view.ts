import type { ManageOptions, ModelManager, StoredModelInfo, VerifyReport } from "../../index.ts";
import { askDialog } from "../chat/ask-dialog.ts";
import { formatBytes, formatCount, formatShare } from "../format.ts";
import { button, element } from "./element.ts";
import { saveFile } from "./save-file.ts";

export interface StoredViewEvents {
  onUse(source: string | readonly string[], name: string): void;
  onFailure(error: unknown): void;
  /** Something was deleted, imported or repaired. */
  onChanged(): void;
}

const dayAndTime = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** What a check found, in words. */
function describeReport({ checkedParts, checkedBytes, damaged, missingParts }: VerifyReport): string {
  const parts = (count: number): string => `${formatCount(count)} ${count === 1 ? "part" : "parts"}`;
  const checked = `${parts(checkedParts)} checked, ${formatBytes(checkedBytes)}`;
  const missing = missingParts > 0 ? ` ${parts(missingParts)} not fetched yet.` : "";
  if (damaged.length === 0) return `${checked}: all as they arrived.${missing}`;
  return `${checked}: ${parts(damaged.length)} damaged.${missing} Repair deletes them, and they are fetched again when needed.`;
}

/** What is kept of a model, in words. */
function describeStored({ complete, storedBytes, storableBytes }: StoredModelInfo): string {
  if (complete) return `${formatBytes(storedBytes)}, complete: works offline`;
  return `${formatBytes(storedBytes)} of ${formatBytes(storableBytes)} (${formatShare(storedBytes, storableBytes)})`;
}

/** The stored models, and what can be done with each. One thing is done at a time; it can be stopped. */
export function createStoredView(
  list: HTMLElement,
  status: HTMLElement,
  stop: HTMLButtonElement,
  manager: () => ModelManager,
  events: StoredViewEvents,
) {
  /** Reports outlive the list's redrawing. */
  const reports = new Map<string, VerifyReport>();
  let running: AbortController | undefined;
  stop.addEventListener("click", () => running?.abort());

  /** Runs an action, says how far it is, and ends with what `work` says of it. */
  async function run(
    doing: string,
    work: (options: Required<ManageOptions>) => Promise<string>,
  ): Promise<void> {
    if (running) return;
    const abort = new AbortController();
    running = abort;
    stop.hidden = false;
    list.setAttribute("aria-busy", "true");
    for (const each of list.querySelectorAll("button")) each.disabled = true;
    status.textContent = `${doing}…`;
    try {
      status.textContent = await work({
        signal: abort.signal,
        onProgress: (done, all) => {
          status.textContent = `${doing}: ${formatShare(done, all)}`;
        },
      });
    } catch (error) {
      status.textContent = abort.signal.aborted ? `${doing}: stopped.` : "";
      if (!abort.signal.aborted) events.onFailure(error);
    } finally {
      running = undefined;
      stop.hidden = true;
      list.removeAttribute("aria-busy");
      events.onChanged();
    }
  }

  function check({ key, name }: StoredModelInfo, repair: boolean): void {
    void run(`${repair ? "Repairing" : "Verifying"} ${name}`, async (options) => {
      const report = await (repair ? manager().repair(key, options) : manager().verify(key, options));
      if (repair) reports.delete(key);
      else reports.set(key, report);
      return repair
        ? `${formatCount(report.damaged.length)} damaged parts deleted. They are fetched again when needed.`
        : describeReport(report);
    });
  }

  async function remove({ key, name, storedBytes }: StoredModelInfo): Promise<void> {
    const question = `Delete ${name} from this device? That frees ${formatBytes(storedBytes)}; using it again means fetching it again.`;
    if ((await askDialog(question, "Delete")) === undefined) return;
    await run(`Deleting ${name}`, async () => {
      await manager().delete(key);
      reports.delete(key);
      return `${name} is deleted.`;
    });
  }

  function exportFile({ key, files }: StoredModelInfo, file: number): void {
    const { name } = files[file]!;
    void run(`Exporting ${name}`, async ({ signal, onProgress }) => {
      const saved = await saveFile(name, () => manager().export(key, { file, signal }), onProgress);
      return saved ? `${name} is exported.` : "";
    });
  }

  function card(model: StoredModelInfo): HTMLElement {
    const { key, name, source, files, complete, outdated, inUse, lastUsed } = model;
    const report = reports.get(key);
    const notes = [
      `Last used ${dayAndTime.format(lastUsed)}`,
      inUse ? "open now: close it, or choose another model, before repairing or deleting it" : undefined,
      outdated ? "there is a newer version at its address; this one is not used again" : undefined,
    ].filter((note) => note !== undefined);
    const use =
      source !== undefined && !outdated ? button("Use", name, () => events.onUse(source, name)) : undefined;
    const repair = button("Repair", name, () => check(model, true));
    const erase = button("Delete", name, () => void remove(model));
    repair.disabled = inUse;
    erase.disabled = inUse;
    const exports = complete
      ? files.map((_, i) =>
          button(files.length > 1 ? `Export file ${i + 1}` : "Export", name, () => exportFile(model, i)),
        )
      : [];
    return element(
      "li",
      { className: "model-card" },
      element("h3", { text: name }),
      element("p", { className: "card-facts", text: describeStored(model) }),
      element("p", { className: "hint", text: `${notes.join("; ")}.` }),
      report && report.damaged.length > 0
        ? element("p", { className: "hint", text: describeReport(report) })
        : undefined,
      element(
        "div",
        { className: "card-actions" },
        use,
        button("Verify", name, () => check(model, false)),
        report && report.damaged.length > 0 ? repair : undefined,
        ...exports,
        erase,
      ),
    );
  }

  return {
    /** Whether something is being done; `onChanged` follows when it ends. */
    isRunning: (): boolean => running !== undefined,
    /** Shows the models; not while something is being done, which ends with another look. */
    show(models: readonly StoredModelInfo[]): void {
      if (running) return;
      const nothing = element("li", { className: "hint", text: "Nothing is stored yet." });
      list.replaceChildren(...(models.length > 0 ? models.map(card) : [nothing]));
    },
    /** Copies files into the store. */
    import(files: readonly File[]): void {
      const what = files.length === 1 ? files[0]!.name : `${files.length} files`;
      void run(`Importing ${what}`, async (options) => {
        const { name, storedBytes } = await manager().import(files, options);
        return `${name} is stored: ${formatBytes(storedBytes)}.`;
      });
    },
  };
}
