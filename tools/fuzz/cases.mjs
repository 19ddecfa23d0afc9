// @ts-check
/**
 * Case K of seed N: one sound model, and what was done to it. Same seed and number, same bytes.
 *
 * @typedef {import("./document.mjs").Document} Document
 * @typedef {import("./random.mjs").Random} Random
 *
 * @typedef {object} FuzzCase
 * @property {number} index
 * @property {string} kind the first mutation's name
 * @property {string} description
 * @property {{ name: string, bytes: Uint8Array }[]} files
 * @property {boolean} onePath give the first file's path alone, from which the others must be found
 */
import { copyOf, serialize } from "./document.mjs";
import { BYTES_MUTATIONS, DOCUMENT_MUTATIONS } from "./mutations.mjs";
import { randomOfCase } from "./random.mjs";

/** What can be wrong with how parts belong together. @type {Readonly<Record<string, (files: FuzzCase["files"], random: Random) => string>>} */
const SPLIT_MUTATIONS = {
  "part missing"(files, random) {
    const [gone] = files.splice(random.below(files.length), 1);
    return `${gone?.name} is not there`;
  },
  "part twice"(files, random) {
    const i = random.below(files.length);
    const j = (i + 1) % files.length;
    const [from, to] = [files[i], files[j]];
    if (from && to) to.bytes = from.bytes;
    return `${to?.name} is a copy of ${from?.name}`;
  },
  "part added"(files, random) {
    files.push({ ...random.of(files), name: "another.gguf" });
    return "one file more than parts";
  },
  "parts in another order"(files) {
    files.reverse();
    return "the last part first";
  },
};
const KINDS = {
  document: Object.keys(DOCUMENT_MUTATIONS),
  bytes: Object.keys(BYTES_MUTATIONS),
  split: Object.keys(SPLIT_MUTATIONS),
};

/**
 * @param {Awaited<ReturnType<typeof import("./models.mjs").soundModels>>} models
 * @param {number} seed @param {number} index
 * @returns {FuzzCase}
 */
export function makeCase(models, seed, index) {
  const random = randomOfCase(seed, index);
  const model = random.of(models);
  const documents = model.parts.map(copyOf);
  const isSplit = documents.length > 1;
  /** @type {string[]} */
  const done = [];
  let kind = "none";
  /** @param {string} name @param {string} what @param {string} [where] */
  const did = (name, what, where) => {
    if (done.length === 0) kind = name;
    done.push(`${name}: ${what}${where && isSplit ? ` (${where})` : ""}`);
  };
  const nameOf = (/** @type {number} */ i) =>
    isSplit ? `fuzz-0000${i + 1}-of-0000${documents.length}.gguf` : "fuzz.gguf";

  // Many faults at once only hide each other: most cases have one.
  const count = random.of([1, 1, 1, 1, 2, 3]);
  const stages = Array.from({ length: count }, () =>
    random.of(isSplit ? ["document", "bytes", "split"] : ["document", "document", "document", "bytes"]),
  );
  for (const stage of stages)
    if (stage === "document") {
      const name = random.of(KINDS.document);
      const part = random.below(documents.length);
      const document = documents[part];
      if (document && document.tensors.length > 0 && document.keys.length > 0)
        did(name, DOCUMENT_MUTATIONS[name]?.(document, random) ?? "", nameOf(part));
    }
  const written = documents.map(serialize);
  for (const stage of stages)
    if (stage === "bytes") {
      const name = random.of(KINDS.bytes);
      const part = random.below(written.length);
      const file = written[part];
      // A file that was cut before may no longer have what a mutation wants to change.
      if (file && file.bytes.length >= file.headerBytes)
        did(name, BYTES_MUTATIONS[name]?.(file, random) ?? "", nameOf(part));
    }
  const files = written.map(({ bytes }, i) => ({ name: nameOf(i), bytes }));
  for (const stage of stages)
    if (stage === "split" && files.length > 1) {
      const name = random.of(KINDS.split);
      did(name, SPLIT_MUTATIONS[name]?.(files, random) ?? "");
    }
  return {
    index,
    kind,
    description: `${model.name}; ${done.join("; ") || "unchanged"}`,
    files,
    onePath: isSplit && random.chance(0.3),
  };
}
