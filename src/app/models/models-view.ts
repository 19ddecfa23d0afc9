import { type ModelManager, type StorageState, WebMoE } from "../../index.ts";
import { byId } from "../dom.ts";
import { formatBytes } from "../format.ts";
import { showCatalog } from "./catalog-view.ts";
import { describeDevice } from "./device.ts";
import { createStoredView } from "./stored-view.ts";

export interface ModelsViewEvents {
  /** The person wants this model, and has seen its size. */
  onUse(source: string | readonly string[], name: string): void;
  onFailure(error: unknown): void;
}

/** Storage in words. */
function describeStorage({ kind, usage, quota, persisted }: StorageState): string {
  if (kind === "memory") return "This window keeps nothing: what is fetched is gone when it is closed.";
  const room =
    usage === undefined || quota === undefined
      ? ""
      : `${formatBytes(usage)} used here, ${formatBytes(Math.max(0, quota - usage))} left. `;
  return (
    room +
    (persisted ? "The browser keeps it." : "The browser may delete it when the device runs short of space.")
  );
}

/**
 * Models to have and models that are here. Looking at them starts a worker of its own, which ends when both lists are
 * closed and nothing is being done; nothing is fetched before a button that says how much.
 */
export function createModelsView(events: ModelsViewEvents) {
  const catalog = byId("catalog", HTMLDetailsElement);
  const stored = byId("stored", HTMLDetailsElement);
  const persist = byId("persist", HTMLButtonElement);
  const files = byId("import-files", HTMLInputElement);
  let manager: ModelManager | undefined;
  const open = (): ModelManager => {
    manager ??= WebMoE.manageModels();
    return manager;
  };

  const storedView = createStoredView(
    byId("stored-list", HTMLElement),
    byId("stored-status", HTMLElement),
    byId("stored-stop", HTMLButtonElement),
    open,
    { onUse: events.onUse, onFailure: events.onFailure, onChanged: () => void refresh() },
  );

  async function refresh(): Promise<void> {
    if (!catalog.open && !stored.open) {
      closeIdle();
      return;
    }
    try {
      const [models, storage, device] = await Promise.all([
        open().list(),
        open().storage(),
        describeDevice(),
      ]);
      storedView.show(models);
      showCatalog(byId("catalog-list", HTMLElement), device, models, events.onUse);
      byId("storage-line", HTMLElement).textContent = describeStorage(storage);
      persist.hidden = storage.persisted || storage.kind === "memory";
      byId("persist-answer", HTMLElement).hidden ||= storage.persisted;
    } catch (error) {
      if (manager) events.onFailure(error);
    }
  }

  /** What is being done goes on behind closed lists, and looks here again when it ends. */
  function closeIdle(): void {
    if (storedView.isRunning()) return;
    const idle = manager;
    manager = undefined;
    void idle?.close();
  }
  for (const list of [catalog, stored]) list.addEventListener("toggle", () => void refresh());

  persist.addEventListener("click", () => {
    void open()
      .persist()
      .then((granted) => {
        byId("persist-answer", HTMLElement).hidden = granted;
        return refresh();
      });
  });
  byId("import-open", HTMLButtonElement).addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    const chosen = [...(files.files ?? [])];
    files.value = "";
    if (chosen.length > 0) storedView.import(chosen);
  });

  return {
    /** The store may have changed: a model was loaded, or let go. */
    refresh: (): void => void refresh(),
  };
}
