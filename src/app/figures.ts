import type { ModelInfo, Stats } from "../index.ts";
import { byId } from "./dom.ts";
import {
  formatBytes,
  formatCount,
  formatParameters,
  formatRate,
  formatSeconds,
  formatShare,
} from "./format.ts";

/** The live figures, and the table of what the model is and how it computes. */
export function createFigures() {
  const field = (name: string): HTMLElement => byId(`figure-${name}`, HTMLElement);
  const fields = {
    rate: field("rate"),
    first: field("first"),
    resident: field("resident"),
    hits: field("hits"),
    network: field("network"),
    store: field("store"),
    offline: field("offline"),
    replays: field("replays"),
    agreement: field("agreement"),
  };
  const rows = byId("details-rows", HTMLTableSectionElement);

  function row(name: string, value: string): HTMLTableRowElement {
    const line = document.createElement("tr");
    const head = document.createElement("th");
    const cell = document.createElement("td");
    head.scope = "row";
    head.textContent = name;
    cell.textContent = value;
    line.append(head, cell);
    return line;
  }

  return {
    showRate(tokensPerSecond: number): void {
      fields.rate.textContent = formatRate(tokensPerSecond);
    },
    showFirstToken(seconds: number | undefined): void {
      fields.first.textContent = seconds === undefined ? "–" : formatSeconds(seconds);
    },
    /** Counters; hits and replays are those since `before`, the counters at the start of this generation. */
    showStats(stats: Stats, before: Stats | undefined, info: ModelInfo): void {
      const hits = stats.expertHits - (before?.expertHits ?? 0);
      const misses = stats.expertMisses - (before?.expertMisses ?? 0);
      const all = info.layerCount * info.expertCount;
      fields.resident.textContent = `${formatCount(stats.residentExperts)} / ${formatCount(all)}`;
      fields.hits.textContent = formatShare(hits, hits + misses);
      fields.network.textContent = formatBytes(stats.networkBytes);
      fields.store.textContent = formatBytes(stats.storeBytes);
      const stored = formatShare(stats.storedBytes, stats.storableBytes);
      fields.offline.textContent = stats.storeFailures > 0 ? `${stored}, store full` : stored;
      fields.agreement.textContent = formatShare(stats.routingAgreement, 1);
      fields.replays.textContent = formatCount(stats.replays - (before?.replays ?? 0));
    },
    showDetails(info: ModelInfo): void {
      const { numerics, memory } = info;
      const slots = new Set(info.slotsPerLayer);
      const quantizations = Object.entries(info.quantizations).map(
        ([name, tensors]) => `${name} × ${tensors}`,
      );
      rows.replaceChildren(
        row("Architecture", info.architecture),
        row("Licence in the file", info.license ?? "none given"),
        row("Parameters", formatParameters(info.parameterCount)),
        row("Layers × hidden size", `${info.layerCount} × ${formatCount(info.hiddenSize)}`),
        row("Heads", `${info.headCount} query, ${info.kvHeadCount} key/value, ${info.headDim} wide`),
        row("Experts a layer", `${info.expertCount}, ${info.expertsPerToken} used by a token`),
        row("One expert", `${formatBytes(info.expertBytes)}, ${formatCount(info.expertHiddenSize)} wide`),
        row("Vocabulary", formatCount(info.vocabSize)),
        row(
          "Context",
          `${formatCount(info.contextLength)} of ${formatCount(info.modelContextLength)} positions`,
        ),
        row("Quantisation", quantizations.join(", ")),
        row("Chat template", info.chatTemplate === "file" ? "in the file" : "none: contents line by line"),
        row("Expert budget", formatBytes(info.expertBudget)),
        row("Slots a layer", [...slots].join(", ")),
        row("Memory: trunk", formatBytes(memory.trunkBytes)),
        row("Memory: experts", formatBytes(memory.expertBytes)),
        row("Memory: KV cache", formatBytes(memory.kvBytes)),
        row("Memory: scratch", formatBytes(memory.scratchBytes)),
        row("Memory: host tier", formatBytes(memory.hostTierBytes)),
        row("Backend", numerics.backend === "webgpu" ? "WebGPU" : "WebAssembly"),
        row("Adapter", numerics.adapter),
        row("Kernels", numerics.kernels.join(", ") || "portable"),
        row("Activations, KV cache", `${numerics.activations}, ${numerics.kvCache}`),
        row("Routing", `prefill ${numerics.prefillRouting}, decode ${numerics.decodeRouting}`),
        row("Prompt rows together", formatCount(numerics.chunkRows)),
      );
    },
    clear(): void {
      for (const element of Object.values(fields)) element.textContent = "–";
      rows.replaceChildren(row("Model", "not loaded yet"));
    },
  };
}
