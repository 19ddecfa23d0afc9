/** What a classic script leaves as `window.WebMoE`. */
import { WebMoE, WebMoEError } from "./index.ts";

export default { ...WebMoE, WebMoEError };
