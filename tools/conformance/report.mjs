// @ts-check
/** `docs/conformance.md`: what was compared, with which versions, and what is open. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { INT8_TYPES } from "./int8.mjs";
import { BUDGETS, budgetLabel, CONFIGURATIONS } from "./matrix.mjs";
import {
  ARCHITECTURE_MODELS,
  FAMILIES,
  FILE_TYPES,
  POSITION_MODELS,
  RANDOM_MODELS,
  ROOT,
  shapesOf,
  WORK,
} from "./models.mjs";
import { BACKENDS, LOGITS_SUBJECT, PRODUCTS, RESIDENCY, RESIDENCY_TOKENS } from "./products.mjs";
import { ARCHITECTURE_PROMPTS } from "./prompts.mjs";
import {
  entriesOf,
  grid,
  inFigures,
  leastMargin,
  mark,
  table,
  total,
  worstDistance,
} from "./report-tables.mjs";
import { SHARES, SUBJECTS, shareLabel, WAYS } from "./residency.mjs";

/**
 * @typedef {import("./products.mjs").Case} Case
 * @typedef {import("./results.mjs").Result} Result
 * @typedef {import("./matrix.mjs").Check} Check
 *
 * @typedef {import("./report-tables.mjs").Entry} Entry
 * @typedef {import("./report-tables.mjs").Counts} Counts
 */

/** @param {readonly Entry[]} entries */
function summary(entries) {
  const rows = Object.entries(PRODUCTS).flatMap(([product, title]) =>
    ["WASM", "WebGPU"].flatMap((backend) => {
      const own = entries.filter(
        ({ item }) => item.product === product && item.configuration.startsWith(backend),
      );
      if (own.length === 0) return [];
      const { passed, failed, open } = total(own);
      return [[title, backend, own.length, passed, failed, open, worstDistance(own), leastMargin(own)]];
    }),
  );
  return table(
    [
      "product",
      "backend",
      "cases",
      "checks passed",
      "failed",
      "open",
      "worst logits difference",
      "least margin",
    ],
    rows,
  );
}

/** @param {readonly Entry[]} entries */
function prompts(entries) {
  const own = entries.filter(({ item }) => item.product === "embedded");
  const golden = own[0]?.item.golden;
  if (!golden) return "";
  const configurations = Object.values(CONFIGURATIONS).map(({ name }) => name);
  /** @param {string} subject */
  const marks = (subject) =>
    configurations.map((configuration) =>
      mark(own.filter(({ item }) => item.subject === subject && item.configuration === configuration)),
    );
  return table(
    ["prompt", "tokens", "generated", "least margin", ...configurations],
    [
      ...golden.cases.map(({ name, promptIds, ids, margins }) => [
        name,
        promptIds.length,
        ids.length,
        Math.min(...margins).toFixed(3),
        ...marks(name),
      ]),
      ["logits", golden.logits[0]?.promptIds.length ?? "", "", "", ...marks(LOGITS_SUBJECT)],
    ],
  );
}

/** @param {readonly Entry[]} entries */
function random(entries) {
  const own = entries.filter(({ item }) => item.product === "random");
  const configurations = Object.values(CONFIGURATIONS).map(({ name }) => name);
  const names = RANDOM_MODELS.map(({ name }) => name);
  return grid(own, "model", names, configurations, (item, row, column) => {
    return item.subject === row && item.configuration === column;
  });
}

/** @param {readonly Entry[]} entries */
function budgets(entries) {
  const own = entries.filter(({ item }) => item.product === "budgets");
  const columns = RESIDENCY.map(({ name }) => name);
  return grid(own, "budget", BUDGETS.map(budgetLabel), columns, (item, row, column) => {
    return item.subject === row && item.configuration === column;
  });
}

/** @param {readonly Entry[]} entries */
function residency(entries) {
  const own = entries.filter(({ item }) => item.product === "residency");
  const columns = [...new Set(own.map(({ item }) => item.configuration))];
  const rows = SUBJECTS.flatMap((name) => SHARES.map((share) => `${name}, ${shareLabel(share)}`));
  return grid(own, "model, budget", rows, columns, (item, row, column) => {
    return item.subject === row && item.configuration === column;
  });
}

/** @param {readonly Entry[]} entries @param {string} configuration */
function architectures(entries, configuration) {
  const own = entries.filter(
    ({ item }) => item.product === "architectures" && item.configuration === configuration,
  );
  const familyOf = new Map(ARCHITECTURE_MODELS.map(({ name, family, recipe }) => [name, { family, recipe }]));
  const rows = FILE_TYPES.flatMap((type) => shapesOf(type).map((shape) => `${type}, ${shape}`));
  return grid(own, "type, shape", rows, Object.keys(FAMILIES), (item, row, column) => {
    const made = familyOf.get(item.subject);
    return made?.family === column && `${made.recipe.type}, ${made.recipe.shape}` === row;
  });
}

/** @param {readonly Entry[]} entries */
function positions(entries) {
  const own = entries.filter(({ item }) => item.product === "positions");
  const lengths = [1, 100, 1000];
  return table(
    ["architecture", ...BACKENDS.flatMap(({ name }) => lengths.map((length) => `${name}, ${length}`))],
    POSITION_MODELS.map(({ name, family }) => [
      family,
      ...BACKENDS.flatMap((backend) => {
        const entry = own.find(({ item }) => item.subject === name && item.configuration === backend.name);
        return lengths.map((length) => {
          if (!entry?.result) return "open";
          const check = entry.result.checks.find(({ position }) => position === length);
          return check?.passed && check.distance !== undefined ? inFigures(check.distance) : "**fail**";
        });
      }),
    ]),
  );
}

/** @param {readonly Entry[]} entries */
function int8(entries) {
  const own = entries.filter(({ item }) => item.product === "int8");
  const percent = (/** @type {number} */ value) => `${(100 * value).toFixed(1)} %`;
  /** @param {string} subject */
  const cell = (subject) => {
    const { result } = own.find(({ item }) => item.subject === subject) ?? {};
    if (!result) return "open";
    const check = /** @type {(Check & Partial<import("./int8.mjs").Agreement>) | undefined} */ (
      result.checks[0]
    );
    const { passed, distance, oracleDistance, tokens, experts } = check ?? {};
    if (distance === undefined || oracleDistance === undefined || tokens === undefined) return "**fail**";
    const agreed = [percent(tokens), ...(experts === undefined ? [] : [percent(experts)])].join(", ");
    return `${passed ? "" : "**fail** "}${inFigures(distance)} (${inFigures(oracleDistance)}); ${agreed}`;
  };
  const rows = Object.keys(FAMILIES).map((family) => [
    family,
    ...INT8_TYPES.map((type) => cell(`${family}-${type}`)),
  ]);
  return `Trained model: ${cell("embedded")}\n\n${table(["architecture", ...INT8_TYPES], rows)}`;
}

/** What each model was made of and asked. @param {readonly Entry[]} entries */
function seeds(entries) {
  const goldens = new Map(
    entries
      .filter(({ item }) => item.product === "architectures")
      .map(({ item }) => [item.subject, item.golden]),
  );
  const families = Object.keys(FAMILIES);
  const promptTexts = ARCHITECTURE_PROMPTS.map(({ text }) => text);
  /** @param {string} name */
  const cell = (name) => {
    const golden = goldens.get(name);
    const [goldenCase] = golden?.cases ?? [];
    if (!golden?.model.recipe || !goldenCase) return "open";
    const prompt = promptTexts.indexOf(goldenCase.text) + 1;
    return `${golden.model.recipe.seed}, ${prompt}, ${Math.min(...goldenCase.margins).toFixed(3)}`;
  };
  const rows = FILE_TYPES.flatMap((type) =>
    shapesOf(type).map((shape) => [
      `${type}, ${shape}`,
      ...families.map((family) => cell(`${family}-${shape}-${type}`)),
    ]),
  );
  const openings = promptTexts.map((text, i) => `${i + 1}. ${text.slice(0, 60).replaceAll("\n", " ")}…`);
  return `${table(["type, shape", ...families], rows)}\n\nThe prompts, 24 tokens each:\n\n${openings.join("\n")}`;
}

/** Failures one by one. @param {readonly Entry[]} entries */
function failures(entries) {
  const lines = entries.flatMap(({ item, result }) =>
    (result?.checks ?? [])
      .filter(({ passed }) => !passed)
      .map(({ name, detail }) => `- ${item.key} · ${name}: ${detail}`),
  );
  return lines.length === 0 ? "" : `\n## What fails\n\n${lines.join("\n")}\n`;
}

/** What is open, by product and configuration. @param {readonly Entry[]} entries */
function openCases(entries) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const { item, result } of entries) {
    if (result) continue;
    const group = `${PRODUCTS[item.product].split(":")[0]}, ${item.configuration}`;
    groups.set(group, [...(groups.get(group) ?? []), item.subject]);
  }
  if (groups.size === 0) return "Nothing.";
  return [...groups]
    .map(([group, subjects]) => `- ${group}: ${subjects.length} ${subjects.length === 1 ? "case" : "cases"}`)
    .join("\n");
}

/** @typedef {{ name: string, pre: string, strings: number, idsEqual: number, textEqual: number, roundTrips: number, roundTripsExact: number, tokens?: number, tokensEqual?: number }} TokenizerRow */

/** @param {TokenizerRow} row */
const isExact = ({
  strings,
  idsEqual,
  textEqual,
  roundTrips,
  roundTripsExact,
  tokens = 0,
  tokensEqual = 0,
}) =>
  idsEqual === strings && textEqual === strings && roundTripsExact === roundTrips && tokensEqual === tokens;

/** The tokenizers' own comparison, if it has been run. */
async function tokenizers() {
  const text = await readFile(join(WORK, "tokenizers.json"), "utf8").catch(() => undefined);
  if (text === undefined) return "Open: `node tools/conformance/tokenizers/run.mjs` has not been run.";
  /** @type {{ rows: TokenizerRow[], notCompared?: Record<string, string>, knownIssues?: { name: string, reason: string }[] }} */
  const { rows, notCompared = {}, knownIssues = [] } = JSON.parse(text);
  const renamed = rows.filter((row) => row.name.includes(" as ") && isExact(row));
  const cells = rows
    .filter((row) => !renamed.includes(row))
    .map((row) => [
      row.name,
      row.pre,
      `${row.idsEqual} of ${row.strings}`,
      `${row.roundTripsExact} of ${row.roundTrips}`,
      isExact(row) ? "pass" : "**fail**",
    ]);
  const notes = [
    ...Object.entries(notCompared).map(([name, reason]) => `- Not compared: ${name}: ${reason}`),
    ...knownIssues.map(({ name, reason }) => `- Known: ${name}: ${reason}`),
  ];
  return [
    table(["vocabulary", "pre-tokenizer", "ids equal", "round trips exact", ""], cells),
    "",
    `One of them under the names of other pre-tokenizers, all equal: ${renamed.map(({ pre }) => pre).join(", ")}.`,
    ...(notes.length > 0 ? ["", ...notes] : []),
  ].join("\n");
}

/** @param {readonly Entry[]} entries */
async function versions(entries) {
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const oracle = entries.find(({ item }) => item.golden)?.item.golden?.oracle;
  const gpus = new Set(entries.flatMap(({ result }) => result?.gpu ?? []));
  return [
    `- WebMoE ${version}`,
    `- llama.cpp ${oracle?.llamaCpp} (node-llama-cpp ${oracle?.nodeLlamaCpp})`,
    `- Node ${process.versions.node}`,
    `- WebGPU: ${[...gpus].sort().join("; ") || "not run"}`,
  ].join("\n");
}

/**
 * Writes the table from the results of one build of the engine.
 * @param {readonly Case[]} cases @param {Map<string, Result>} results
 * @returns {Promise<Counts>} in checks
 */
export async function writeReport(cases, results) {
  const entries = entriesOf(cases, results);
  const text = `# Conformance

Written by \`npm run conformance\` on ${new Date().toISOString().slice(0, 10)}.

${await versions(entries)}

The oracle is llama.cpp on the CPU with F32 key and value cache and without flash attention, on the exact twin of each
model: the same quantised weights, dequantised to F32. WebMoE runs the quantised file with \`activations: "f32"\`, its
exact profile, unless a section says otherwise. Tokens are greedy and must all be equal. A logits difference is the root
mean square of the difference of centred logits over their standard deviation: at most
${inFigures(CONFIGURATIONS.wasm.logitsLimit)} on WASM and ${inFigures(CONFIGURATIONS.segmentAll.logitsLimit)} on WebGPU. The margin is by how much a token's logit led the next best in
the oracle.

${summary(entries)}

Open — neither passed nor failed, because not run with this build (“open” in the tables):

${openCases(entries)}
${failures(entries)}
## Prompts of the trained model

${prompts(entries)}

## Random qwen3moe

The worse of tokens and logits; a figure is the logits difference of a case that passes.

${random(entries)}

## Expert budgets

${RESIDENCY_TOKENS} tokens after prompts of 1, 17 and 200, equal to llama.cpp's, with no more expert bytes than the budget at any time.

${budgets(entries)}

## Eviction and prediction

Every policy with every predictor on WASM (${WAYS.wasm.ways.length} runs of ${WAYS.wasm.prompts} prompts × ${WAYS.wasm.tokens} tokens a cell), two of each on WebGPU
(${WAYS.webgpu.ways.length} runs of ${WAYS.webgpu.tokens} tokens), fetched from a server: the tokens are llama.cpp's, and no more expert bytes than the budget.

${residency(entries)}

## Architectures and types

Random-weight models of \`npm run make-model\`: 32 tokens equal, and the logits difference after the prompt of 24. \`llama\`
is dense, \`mixtral\` the same architecture with experts. Shapes \`b\` and \`w\` have no power of two where none is needed.
A file of one encoding has it in every matrix but the routers, which the engine must report tensor by tensor; the
\`_m\` types mix encodings as llama.cpp's quantiser does, and in shape \`b\` with its fallbacks.

${BACKENDS.map(({ name }) => `### ${name}\n\n${architectures(entries, name)}`).join("\n\n")}

## Positions

Logits difference after prompts of 1, 100 and 1,000 tokens, type q8_0.

${positions(entries)}

## int8 activations

The profile that \`activations: "int8"\` asks for, on WASM. Logits difference after the prompt, in brackets that of
llama.cpp on the same quantised file, which rounds activations too; then, each token given those before it, the share of
the oracle's greedy tokens that are likeliest here, and of experts that the exact profile picks too. The trained model's
difference is at most 2e-2; that of random weights, which amplify any rounding, at most twice llama.cpp's.

${int8(entries)}

## Tokenizers

${await tokenizers()}

## Seeds

Seed, prompt and least margin of each model. Seeds, and for each the prompts, were tried in order until the margins
were at least 0.02 at every step, by the oracle alone.

${seeds(entries)}
`;
  await mkdir(join(ROOT, "docs"), { recursive: true });
  await writeFile(join(ROOT, "docs", "conformance.md"), text);
  return total(entries);
}
