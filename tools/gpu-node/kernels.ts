/**
 * The checks of `e2e/kernels` on Dawn for Node: the same kernels on a driver with subgroups and f16, and much faster
 * than in a browser without a GPU. `node tools/gpu-node/dist/kernels.js [check …]`.
 */
import { readFile } from "node:fs/promises";
import { create, globals } from "webgpu";
import { CHECKS, type CheckName } from "../../e2e/kernels/checks.ts";

/** As in `e2e/kernels.spec.ts`. */
const TOLERANCE = 1e-5;

Object.assign(globalThis, globals);
Object.defineProperty(globalThis, "navigator", { value: { gpu: create([]) } });
// Modules are files here, which Node's fetch does not read.
const { fetch } = globalThis;
globalThis.fetch = async (input, init) => {
  const url = new URL(String(input));
  if (url.protocol !== "file:") return fetch(input, init);
  return new Response(new Uint8Array(await readFile(url)), {
    headers: { "content-type": "application/wasm" },
  });
};

const names = process.argv.slice(2) as CheckName[];
let failed = 0;
for (const name of names.length > 0 ? names : (Object.keys(CHECKS) as CheckName[])) {
  const began = performance.now();
  const findings = await CHECKS[name]({});
  const wrong = findings.filter(({ difference, tolerance = TOLERANCE }) => !(difference <= tolerance));
  failed += wrong.length;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${name}: ${findings.length - wrong.length} of ${findings.length} (${seconds} s)`);
  for (const { what, difference } of wrong) console.log(`  ${what}: ${difference}`);
}
process.exit(failed === 0 ? 0 : 1);
