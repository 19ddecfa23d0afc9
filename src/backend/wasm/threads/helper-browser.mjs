// @ts-check
/** A helper's script in a browser: a dedicated worker of the engine's worker. */
import { help } from "./helper.mjs";

addEventListener(
  "message",
  ({ data }) => {
    help(data, () => postMessage("ready"), { rests: true }).catch(reportError);
  },
  { once: true },
);
