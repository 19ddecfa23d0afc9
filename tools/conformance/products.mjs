// @ts-check
/** The full product, as a list of cases that can be run one at a time and in pieces. */
import { compareInt8, INT8, INT8_MODELS, readRounded } from "./int8.mjs";
import {
  BUDGETS,
  budgetLabel,
  budgetRange,
  CONFIGURATIONS,
  compareUnderBudget,
  compareWithGolden,
  RESIDENCY_CASES,
} from "./matrix.mjs";
import { ARCHITECTURE_MODELS, POSITION_MODELS, RANDOM_MODELS, readGolden, readRecorded } from "./models.mjs";
import { compareResidency, SHARES, SUBJECTS, shareLabel, WAYS } from "./residency.mjs";

/**
 * @typedef {import("./engines.mjs").Engine} Engine
 * @typedef {import("./engines.mjs").Place} Place
 * @typedef {import("./engines.mjs").BackendName} BackendName
 * @typedef {import("./matrix.mjs").Check} Check
 * @typedef {import("./models.mjs").Golden} Golden
 *
 * @typedef {object} Case
 * @property {ProductName} product
 * @property {string} key unique, and what a filter looks in
 * @property {string} subject the model, or the expert budget
 * @property {string} configuration
 * @property {Place} place
 * @property {BackendName} backend
 * @property {number} checks that it makes
 * @property {Golden | undefined} golden undefined if not recorded: then it cannot be run
 * @property {(engine: Engine) => Promise<Check[]>} run
 */

/** @typedef {keyof typeof PRODUCTS} ProductName */

export const PRODUCTS = /** @satisfies {Readonly<Record<string, string>>} */ ({
  embedded: "Trained model: 11 prompts × 64 tokens, and logits",
  random: "Random qwen3moe, two shapes × four types: 2 prompts × 32 tokens, and logits",
  budgets: "Expert budgets × stores × backends: prompts of 1, 17 and 200 tokens",
  residency:
    "Eviction × prediction × expert budget × backend: the trained model and three random architectures",
  architectures: "Architecture × type × two shapes: 32 tokens after 24, and logits",
  positions: "Logits after 1, 100 and 1,000 tokens",
  int8: "int8 activations: logits, and tokens and experts where the tokens before are given",
});

/** The case of the trained model that compares logits. */
export const LOGITS_SUBJECT = "logits";

export const RESIDENCY_TOKENS = 16;

/**
 * Where experts come and go: Node and page, both backends, both stores. With all layers in one segment a missing
 * expert is found afterwards, and its layers are replayed; with one, before it is needed.
 * @type {ReadonlyArray<{ name: string, place: Place, options: import("../../src/api/options.ts").LoadOptions & { backend: BackendName } }>}
 */
export const RESIDENCY = [
  { name: "WASM in Node, memory store", place: "node", options: { backend: "wasm", store: "memory" } },
  { name: "WASM in the page, memory store", place: "browser", options: { backend: "wasm", store: "memory" } },
  { name: "WASM in the page, IndexedDB", place: "browser", options: { backend: "wasm", store: "indexeddb" } },
  {
    name: "WebGPU, all layers a segment, memory store",
    place: "browser",
    options: { backend: "webgpu", segmentLayers: "all", store: "memory" },
  },
  {
    name: "WebGPU, 1 layer a segment, IndexedDB",
    place: "browser",
    options: { backend: "webgpu", segmentLayers: 1, store: "indexeddb" },
  },
];

/** The backends that every architecture and type is run on. */
export const BACKENDS = [CONFIGURATIONS.wasm, CONFIGURATIONS.segmentAll];

/** Whether WebGPU outside a page (tools/gpu-node) can run a case: budgets are about pages and their stores. @param {Case} item */
export const runsOnDawn = ({ place, product }) =>
  place === "browser" && product !== "budgets" && product !== "residency";

/**
 * @param {ProductName} product @param {string} model @param {Golden | undefined} golden
 * @param {import("./matrix.mjs").Configuration} configuration @param {number} checks
 * @returns {Case}
 */
function comparison(product, model, golden, configuration, checks) {
  return {
    product,
    key: `${product} · ${model} · ${configuration.name}`,
    subject: model,
    configuration: configuration.name,
    place: configuration.place,
    backend: configuration.numerics.backend,
    checks,
    golden,
    run: (engine) => {
      if (!golden) throw new Error(`No golden vectors of ${model}.`);
      return compareWithGolden(engine, configuration, golden);
    },
  };
}

/**
 * A case a prompt: a software renderer takes minutes for one.
 * @param {Golden} golden @param {import("./matrix.mjs").Configuration} configuration
 * @returns {Case[]}
 */
function promptCases(golden, configuration) {
  /** @param {string} subject @param {Parameters<typeof compareWithGolden>[3]} limits @returns {Case} */
  const one = (subject, limits) => ({
    ...comparison("embedded", subject, golden, configuration, 1),
    run: (engine) => compareWithGolden(engine, configuration, golden, limits),
  });
  return [
    ...golden.cases.map(({ name }) => one(name, { cases: [name], logits: false })),
    one(LOGITS_SUBJECT, { cases: [] }),
  ];
}

/** @param {Golden} golden @returns {Case[]} */
function budgetCases(golden) {
  return RESIDENCY.flatMap(({ name, place, options }) => {
    /** @type {ReturnType<typeof budgetRange> | undefined} */
    let range;
    return BUDGETS.map((budget) => ({
      product: /** @type {const} */ ("budgets"),
      key: `budgets · ${name} · ${budgetLabel(budget)}`,
      subject: budgetLabel(budget),
      configuration: name,
      place,
      backend: options.backend,
      checks: RESIDENCY_CASES.length,
      golden,
      run: async (/** @type {Engine} */ engine) => {
        range ??= budgetRange(engine, golden, options);
        const limits = { tokens: RESIDENCY_TOKENS };
        return compareUnderBudget(engine, options, golden, budget, await range, limits);
      },
    }));
  });
}

/** A case a model, backend and budget. @returns {Promise<Case[]>} */
async function residencyCases() {
  /** @type {Case[]} */
  const cases = [];
  for (const backend of /** @type {const} */ (["wasm", "webgpu"])) {
    const { ways, place, ...limits } = WAYS[backend];
    for (const name of SUBJECTS) {
      const golden = await readGolden(name);
      for (const share of SHARES) {
        const subject = `${name}, ${shareLabel(share)}`;
        cases.push({
          product: "residency",
          key: `residency · ${subject} · ${backend}`,
          subject,
          configuration: backend === "wasm" ? "WASM in Node" : "WebGPU in the page",
          place,
          backend,
          checks: ways.length,
          golden,
          run: (engine) => compareResidency(engine, backend, golden, share, ways, limits),
        });
      }
    }
  }
  return cases;
}

/** @param {Golden | undefined} golden @param {string} model @returns {Promise<Case>} */
async function int8Case(golden, model) {
  const rounded = await readRounded(golden);
  return {
    product: "int8",
    key: `int8 · ${model} · ${INT8}`,
    subject: model,
    configuration: INT8,
    place: "node",
    backend: "wasm",
    checks: 1,
    golden: rounded && golden,
    run: async (engine) => {
      if (!golden || !rounded) throw new Error(`No golden vectors of ${model}.`);
      return compareInt8(engine, golden, rounded);
    },
  };
}

/**
 * Whether a case belongs to those that meet every architecture and every type at least once; they run first.
 * @param {import("./models.mjs").MadeModel} model
 */
function isInCover({ family, recipe: { type, shape } }) {
  if (shape !== "b" && shape !== "w") return false;
  return family === "qwen3moe" || type === "q8_0" || type === "q4_k_m";
}

/** All cases, in the order they are run. @returns {Promise<Case[]>} */
export async function allCases() {
  const embedded = await readGolden("embedded");
  const configurations = Object.values(CONFIGURATIONS);
  const cases = configurations.flatMap((configuration) => promptCases(embedded, configuration));
  for (const { name } of RANDOM_MODELS) {
    const golden = await readGolden(name);
    for (const configuration of configurations) {
      cases.push(comparison("random", name, golden, configuration, golden.cases.length + 1));
    }
  }
  cases.push(...budgetCases(embedded), ...(await residencyCases()));
  const inOrder = [
    ...ARCHITECTURE_MODELS.filter(isInCover),
    ...ARCHITECTURE_MODELS.filter((model) => !isInCover(model)),
  ];
  for (const backend of BACKENDS) {
    for (const { name } of POSITION_MODELS) {
      cases.push(comparison("positions", name, await readRecorded(name), backend, 3));
    }
    for (const { name } of inOrder) {
      cases.push(comparison("architectures", name, await readRecorded(name), backend, 2));
    }
  }
  cases.push(await int8Case(embedded, "embedded"));
  for (const name of INT8_MODELS) cases.push(await int8Case(await readRecorded(name), name));
  return cases;
}
