/** Models on the Hugging Face Hub that this page knows: facts only, each with where it was read. */
export interface CatalogEntry {
  readonly name: string;
  readonly publisher: string;
  readonly about: string;
  /** What the library loads; with a commit, it is that version for good. */
  readonly address: string;
  readonly fileBytes: number;
  /** Of these, routed experts: layers × experts × 3 × hidden × expert width, in the types that Q4_K_M gives them. */
  readonly expertBytes: number;
  readonly layerCount: number;
  readonly expertCount: number;
  readonly expertsPerToken: number;
  /** SPDX identifier. */
  readonly license: string;
  /** Of the file. Two or more public projects pin it by this checksum and size. */
  readonly sha256: string;
  /** The file's pages on the Hub. */
  readonly sources: readonly string[];
  /** When they, and the pins, were last read. */
  readonly checked: string;
}

/**
 * Q4_K_M stores gate and up matrices of experts as Q4_K (4.5 bits a weight), and down matrices as Q6_K (6.5625) in half
 * of the layers, as Q4_K in the others (llama.cpp, `src/llama-quant.cpp`, `use_more_bits`): 155 / 256 bytes a weight.
 */
const q4KMExpertBytes = (
  layers: number,
  experts: number,
  hiddenSize: number,
  expertHiddenSize: number,
): number => (layers * experts * 3 * hiddenSize * expertHiddenSize * 155) / 256;

const CHECKED = "2026-11-22";

/** Smallest first. */
export const CATALOG: readonly CatalogEntry[] = [
  {
    name: "Granite 3.1 1B-A400M Instruct",
    publisher: "IBM",
    about: "1.3 billion parameters, 0.4 at work for a word. Small enough for a phone.",
    address: "hf:bartowski/granite-3.1-1b-a400m-instruct-GGUF/granite-3.1-1b-a400m-instruct-Q4_K_M.gguf",
    fileBytes: 821_847_360,
    expertBytes: q4KMExpertBytes(24, 32, 1024, 512),
    layerCount: 24,
    expertCount: 32,
    expertsPerToken: 8,
    license: "Apache-2.0",
    sha256: "3a2ec1c2a78cb29d901e29bbf5162dcd03381e13803d2cbdcff838d4d08142eb",
    sources: ["https://huggingface.co/bartowski/granite-3.1-1b-a400m-instruct-GGUF"],
    checked: CHECKED,
  },
  {
    name: "OLMoE 1B-7B Instruct (January 2025)",
    publisher: "Ai2",
    about: "6.9 billion parameters, 1.3 at work for a word. Its training data and code are open too.",
    address: "hf:allenai/OLMoE-1B-7B-0125-Instruct-GGUF/OLMoE-1B-7B-0125-Instruct-Q4_K_M.gguf",
    fileBytes: 4_213_512_192,
    expertBytes: q4KMExpertBytes(16, 64, 2048, 1024),
    layerCount: 16,
    expertCount: 64,
    expertsPerToken: 8,
    license: "Apache-2.0",
    sha256: "4ddc0e53159ed512b8dd67914a66e27bc618f694672ba43a9a0454eabd9c684f",
    sources: ["https://huggingface.co/allenai/OLMoE-1B-7B-0125-Instruct-GGUF/tree/main"],
    checked: CHECKED,
  },
  {
    name: "Qwen3 30B-A3B",
    publisher: "Qwen",
    about: "30.5 billion parameters, 3.3 at work for a word. It thinks before it answers.",
    address: "hf:Qwen/Qwen3-30B-A3B-GGUF@dae61f032d7880e6effe712505db4de5d06d6549/Qwen3-30B-A3B-Q4_K_M.gguf",
    fileBytes: 18_556_685_824,
    expertBytes: q4KMExpertBytes(48, 128, 2048, 768),
    layerCount: 48,
    expertCount: 128,
    expertsPerToken: 8,
    license: "Apache-2.0",
    sha256: "0d003f6662faee786ed5da3e31b29c978de5ae5d275c8794c606a7f3c01aa8f5",
    sources: ["https://huggingface.co/Qwen/Qwen3-30B-A3B-GGUF"],
    checked: CHECKED,
  },
  {
    name: "Qwen3 Coder 30B-A3B Instruct",
    publisher: "Qwen",
    about: "The same size, made for code.",
    address:
      "hf:unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF@b17cb02dd882d5b6ab62fc777ad2995f19668350/" +
      "Qwen3-Coder-30B-A3B-Instruct-Q4_K_M.gguf",
    fileBytes: 18_556_689_568,
    expertBytes: q4KMExpertBytes(48, 128, 2048, 768),
    layerCount: 48,
    expertCount: 128,
    expertsPerToken: 8,
    license: "Apache-2.0",
    sha256: "fadc3e5f8d42bf7e894a785b05082e47daee4df26680389817e2093056f088ad",
    sources: ["https://huggingface.co/unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF"],
    checked: CHECKED,
  },
];
