// @ts-check
/** llama.cpp's tokenizers, through the oracle's package. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../models.mjs";

/**
 * @typedef {object} OracleVocabulary
 * @property {(text: string, special: boolean) => number[]} tokenize nothing is added in front or behind
 * @property {(ids: readonly number[]) => string} detokenize control tokens left out
 * @property {() => Promise<void>} dispose
 */

/** @returns {Promise<(path: string) => Promise<OracleVocabulary>>} */
export async function openOracleTokenizers() {
  const require = createRequire(join(ROOT, "tools", "oracle", "oracle.mjs"));
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.disabled,
  });
  return async (modelPath) => {
    const model = await llama.loadModel({ modelPath, vocabOnly: true, gpuLayers: 0, useMmap: false });
    return {
      tokenize: (text, special) => model.tokenize(text, special),
      detokenize: (ids) => model.detokenize(ids),
      dispose: () => model.dispose(),
    };
  };
}
