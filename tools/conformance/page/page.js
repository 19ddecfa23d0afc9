/** The built library in a page that does nothing else; the runner calls `runJobs` from outside. */
import { runJobs } from "./jobs.js";
import { WebMoE } from "./lib/webmoe.js";

globalThis.runJobs = (modelPath, options, jobs) =>
  runJobs(WebMoE, new URL(modelPath, document.baseURI), options, jobs);
