import type { LoadProgress } from "../index.ts";
import { formatBytes } from "./format.ts";

const DOING: Record<LoadProgress["phase"], string> = {
  header: "Reading the model’s header",
  trunk: "Loading the weights every token uses",
  experts: "Fetching experts ahead",
  compile: "Compiling GPU pipelines",
};

/** Progress in words: the phase, and how far it is in bytes (in pipelines while compiling). */
export function describeProgress({ phase, loadedBytes, totalBytes }: LoadProgress): string {
  // How long the header is shows only once it has been read.
  if (phase === "header" || totalBytes <= 0) return DOING[phase];
  if (phase === "compile") return `${DOING[phase]}: ${loadedBytes} of ${totalBytes}`;
  return `${DOING[phase]}: ${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}`;
}
