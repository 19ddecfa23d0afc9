// Losses and gradients of the trainer against a reference in doubles, tensor by tensor.
//
// Built with TRAINER_FLOAT32, each tensor's gradient is held against finite differences of the reference:
// along a random direction, and along the gradient itself, which a wrong gradient cannot both pass. Built
// with bfloat16, the same with the tolerance of its rounding.
#include "reference.h"

#include <cstdio>

namespace {

#ifdef TRAINER_FLOAT32
constexpr double LOSS_TOLERANCE = 1e-5, GRADIENT_TOLERANCE = 2e-3;
const char* const NUMBERS = "float";
#else
constexpr double LOSS_TOLERANCE = 3e-3, GRADIENT_TOLERANCE = 6e-2;
const char* const NUMBERS = "bfloat16";
#endif

Config smallConfig() {
  Config config;
  config.layers = 2;
  config.hidden = 32;
  config.heads = 4;
  config.kvHeads = 2;
  config.headDim = 16;
  config.experts = 16;
  config.expertsPerToken = 3;
  config.expertHidden = 16;
  config.vocab = 80;
  config.context = 96;
  return config;
}

// Documents of lengths around a block of queries, one token, and an odd number of tokens in all.
MicroBatch smallBatch(const Config& config, std::mt19937_64& random) {
  MicroBatch batch;
  for (int length : {70, 1, 33, 9}) {
    const int begin = static_cast<int>(batch.tokens.size());
    for (int i = 0; i < length; ++i) batch.tokens.push_back(static_cast<int>(random() % config.vocab));
    for (int i = 0; i + 1 < length; ++i) batch.targets.push_back(batch.tokens[begin + i + 1]);
    batch.targets.push_back(NO_TARGET);
    batch.documents.push_back({begin, begin + length});
  }
  return batch;
}

}  // namespace

int main() {
  const Layout layout(smallConfig());
  const Config& config = layout.config;
  std::mt19937_64 random(7);
  const MicroBatch batch = smallBatch(config, random);
  Array<float> weights, gradients(layout.size, 0.0f);
  initialize(layout, 3, weights, 1.0f);
  // Gains that are not ones, routers that are sure enough that no pick hangs on rounding.
  Normal normal(5);
  for (const Tensor& tensor : layout.tensors)
    for (size_t i = 0; i < tensor.size(); ++i) {
      float& weight = weights[tensor.offset + i];
      if (tensor.kind == Kind::gain) weight += 0.3f * normal();
      if (tensor.kind == Kind::router) weight *= 50.0f;
      if (tensor.kind == Kind::embedding) weight *= 15.0f;
    }

  std::vector<float> frequencies(config.layers * config.experts);
  for (size_t i = 0; i < frequencies.size(); ++i)
    frequencies[i] = (1.0f + static_cast<float>(i % 5)) / (3.0f * config.experts);
  BatchScale scale;
  scale.tokens = static_cast<float>(batch.tokens.size());
  scale.targets = scale.tokens - static_cast<float>(batch.documents.size());
  scale.frequencies = frequencies.data();
  scale.router = {0.1f, 0.01f};

  PackedWeights packed(config);
  packed.pack(layout, weights.data(), 0, 1);
  Network network(layout, static_cast<int>(batch.tokens.size()));
  network.loadRouters(weights.data());
  const double crossEntropy =
      network.train(packed, weights.data(), batch, scale, gradients.data()) / scale.targets;

  const Reference reference(layout);
  std::vector<double> exact(weights.begin(), weights.end());
  BatchScale plain = scale;
  plain.router = {0.0f, 0.0f};
  const double expected = reference.loss(exact, batch, plain);
  std::printf("%s: cross-entropy %.7f, in doubles %.7f\n", NUMBERS, crossEntropy, expected);
  bool right = std::abs(crossEntropy - expected) < LOSS_TOLERANCE * expected;

  const auto slope = [&](const Tensor& tensor, const std::vector<double>& direction) {
    constexpr double STEP = 1e-5;
    double difference = 0;
    for (int sign : {1, -1}) {
      std::vector<double> moved = exact;
      for (size_t i = 0; i < tensor.size(); ++i) moved[tensor.offset + i] += sign * STEP * direction[i];
      difference += sign * reference.loss(moved, batch, scale);
    }
    return difference / (2 * STEP);
  };
  double worst = 0;
  for (const Tensor& tensor : layout.tensors) {
    const float* gradient = &gradients[tensor.offset];
    double squares = 0;
    for (size_t i = 0; i < tensor.size(); ++i) squares += static_cast<double>(gradient[i]) * gradient[i];
    const double length = std::sqrt(squares);
    std::vector<double> along(tensor.size()), random1(tensor.size());
    double expectedRandom = 0, randomSquares = 0;
    for (size_t i = 0; i < tensor.size(); ++i) {
      along[i] = length > 0 ? gradient[i] / length : 0.0;
      random1[i] = normal();
      randomSquares += random1[i] * random1[i];
    }
    for (size_t i = 0; i < tensor.size(); ++i) {
      random1[i] /= std::sqrt(randomSquares);
      expectedRandom += random1[i] * gradient[i];
    }
    const double error = length > 0 ? std::max(std::abs(slope(tensor, along) - length),
                                               std::abs(slope(tensor, random1) - expectedRandom)) /
                                          length
                                    : std::abs(slope(tensor, random1));
    worst = std::max(worst, error);
    if (!(error < GRADIENT_TOLERANCE)) {
      std::printf("%s: the gradient's length is %.6g, its error %.2g of that\n", tensor.name.c_str(), length,
                  error);
      right = false;
    }
  }
  std::printf("%zu tensors, largest error of a gradient %.2g of its length: %s\n", layout.tensors.size(),
              worst, right ? "right" : "WRONG");
  return right ? 0 : 1;
}
