// @ts-check
/**
 * What `llama_detokenize` does to the text of some vocabularies: it takes away spaces that some tokenizers once put
 * before punctuation and contractions. WebMoE, like llama.cpp when it generates, leaves the text of the tokens as it
 * is; to compare the two the same is done to WebMoE's. The rules are llama.cpp's (llama_vocab::impl::detokenize).
 *
 * @param {string} text
 */
export const cleanUp = (text) =>
  text
    .replace(/ (?=[?!.,])/g, "")
    .replace(/ ' /g, "'")
    .replace(/ (?='(?:[sm]|re|ve))/g, "");
