/** The engine's worker, behind a fault. */
import "./full-store.js";
import "./lib/worker.js";
