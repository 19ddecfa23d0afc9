/** The engine's worker, behind what counts. */
import "./counts.js";
import "./lib/worker.js";
