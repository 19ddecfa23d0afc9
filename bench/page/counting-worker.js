import "./counting.js";
import "./lib/worker.js";
