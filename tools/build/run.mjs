// @ts-check
/** `npm run build`: the site in `dist/`, the library in `dist/lib/`, the script-tag face in `dist/embed/`. */
import { fileURLToPath } from "node:url";
import { runLoud } from "../run/install.mjs";

const STEPS = [
  // The site first: it empties `dist/`.
  ...["site", "lib", "node", "embed", "embed-classic"].map((mode) => [
    "npx",
    "vite",
    "build",
    "--mode",
    mode,
  ]),
  ["npx", "tsc", "-p", "tsconfig.build.json"],
  ...["declarations", "notices", "size"].map((name) => ["node", `tools/build/${name}.mjs`]),
];

const cwd = fileURLToPath(new URL("../..", import.meta.url));
for (const [command = "", ...args] of STEPS) {
  const code = await runLoud(command, args, { cwd });
  if (code !== 0) process.exit(code);
}
