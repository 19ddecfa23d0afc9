/** The library's worker with counters (`counting.js`), and how to read them: `{ readbacks, wasmBytes }`. */
export function countedWorker() {
  const name = crypto.randomUUID();
  const channel = new BroadcastChannel(name);
  return {
    workerUrl: new URL(`counting-worker.js?channel=${name}`, import.meta.url).href,
    counts: () =>
      new Promise((resolve) => {
        channel.onmessage = ({ data }) => resolve(data);
        channel.postMessage("counts");
      }),
  };
}
