/** Long enough that yielding costs nothing, short enough that a Stop is felt at once. */
const YIELD_EVERY_MS = 8;

/** One turn of the event loop. A MessageChannel has no 4 ms clamp as nested timers do. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

/** Returns a function that lets fetches, aborts and messages move if 8 ms have passed since it last did. */
export function yielder(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < YIELD_EVERY_MS) return;
    await turn();
    last = performance.now();
  };
}
