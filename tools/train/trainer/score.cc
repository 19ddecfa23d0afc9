// The loss of every token of some documents, and the experts that each token was sent to, under the weights
// of
// `--model` (a header as in checkpoints, then floats). Writes `--out`.losses (floats; entry t is what
// predicting token t + 1 cost, 0 at a document's end) and `--out`.picks (bytes
// [tokens][layers][expertsPerToken], likeliest first).
#include "checkpoint.h"
#include "options.h"

int main(int count, char** words) {
  try {
    Options options(count, words);
    const std::string modelPath = options.required("model"), out = options.required("out"),
                      documentPath = options.required("documents");
    options.done();
    std::ifstream file(modelPath, std::ios::binary);
    if (!file) throw std::runtime_error(modelPath + " cannot be read.");
    const Config config = configOf(readHeader(file));
    const Layout layout(config);
    Array<float> weights(layout.size);
    readFloats(file, weights);
    const Documents documents = readDocuments(documentPath, config);
    PackedWeights packed(config);
    packed.pack(layout, weights.data(), 0, 1);
    Network network(layout, config.context);
    network.loadRouters(weights.data());
    std::ofstream lossFile(out + ".losses", std::ios::binary), pickFile(out + ".picks", std::ios::binary);
    for (size_t d = 0; d < documents.count(); ++d) {
      MicroBatch batch;
      append(documents, d, batch);
      Array<float> losses(batch.tokens.size(), 0.0f);
      network.forward(packed, weights.data(), batch, losses.data());
      writeFloats(lossFile, losses);
      for (size_t t = 0; t < batch.tokens.size(); ++t)
        for (int l = 0; l < config.layers; ++l)
          for (int i = 0; i < config.expertsPerToken; ++i)
            pickFile.put(static_cast<char>(network.routing(l).picks[t * config.expertsPerToken + i]));
    }
    if (!lossFile.flush() || !pickFile.flush()) throw std::runtime_error(out + " cannot be written.");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
