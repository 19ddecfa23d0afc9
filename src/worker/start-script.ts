/** Starts a worker from its text. */
export function startScript(text: string, type: WorkerType, name = "webmoe"): Worker {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(url, { type, name });
  // A module's imports may need its address until they are loaded: when it says its first word, they are.
  worker.addEventListener("message", () => URL.revokeObjectURL(url), { once: true });
  return worker;
}
