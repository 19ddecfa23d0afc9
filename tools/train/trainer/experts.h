// The experts of a layer: rows grouped by expert, gate and up as one product, SwiGLU, down, weighted sum.
#pragma once

#include "packed.h"
#include "router.h"

// What the backward pass needs of a layer's routing and experts; `rows` = tokens × expertsPerToken.
struct Routing {
  Array<float> probabilities, logSums;  // [tokens][experts], [tokens]
  Array<int> picks;                     // [tokens][expertsPerToken]
  Array<float> shares;
  std::vector<int> starts;  // [experts + 1] into `order`
  Array<int> order;         // assignments (token × expertsPerToken + rank) by expert, tokens ascending
  Array<Operand> gateUp;    // [rows][2 expertHidden] in that order

  Routing(const Config& config, int tokens)
      : probabilities(static_cast<size_t>(tokens) * config.experts),
        logSums(tokens),
        picks(static_cast<size_t>(tokens) * config.expertsPerToken),
        shares(picks.size()),
        starts(config.experts + 1),
        order(picks.size()),
        gateUp(picks.size() * 2 * config.expertHidden) {}

  int rowsOf(int expert) const { return starts[expert + 1] - starts[expert]; }

  void group(int experts) {
    std::fill(starts.begin(), starts.end(), 0);
    for (int expert : picks) ++starts[expert + 1];
    for (int e = 0; e < experts; ++e) starts[e + 1] += starts[e];
    std::vector<int> next(starts.begin(), starts.end() - 1);
    for (size_t i = 0; i < picks.size(); ++i) order[next[picks[i]]++] = static_cast<int>(i);
  }
};

class Experts {
 public:
  Experts(const Config& shape, int tokenCount) : config(shape), tokens(tokenCount) {
    const size_t rows = tokens + 2, hidden = config.hidden, width = config.expertHidden;
    gathered.resize(rows * hidden);
    gatheredGradients.resize(rows * hidden);
    pairs.resize(rows / 2 * std::max(hidden, 2 * width) + 2 * hidden);
    panels.resize(pairs.size());
    hiddenRows.resize(rows * 2 * width);
    hiddenOperands.resize(rows * 2 * width);
    activations.resize(rows * width);
    results.resize(rows * hidden);
  }

  // x [tokens][hidden] normalised → adds to out [tokens][hidden].
  void forward(const PackedLayer& packed, const Operand* x, Routing& routing, float* out) {
    const int hidden = config.hidden, width = config.expertHidden;
    for (int e = 0; e < config.experts; ++e) {
      const int rows = routing.rowsOf(e), start = routing.starts[e];
      if (rows == 0) continue;
      gather(x, routing, e, gathered.data());
      gemm(false, rows, 2 * width, hidden / 2, byRows(gathered.data(), hidden), packed.gateUp(e),
           hiddenRows.data(), 2 * width);
      Operand* kept = &routing.gateUp[static_cast<size_t>(start) * 2 * width];
      for (int r = 0; r < rows; ++r) {
        const float *gate = &hiddenRows[r * 2 * width], *up = gate + width;
        Operand* activation = &activations[r * width];
#pragma omp simd
        for (int i = 0; i < width; ++i) activation[i] = toOperand(gate[i] * sigmoid(gate[i]) * up[i]);
        toOperands(gate, kept + r * 2 * width, 2 * width);
      }
      gemm(false, rows, hidden, width / 2, byRows(activations.data(), width), packed.down(e), results.data(),
           hidden);
      for (int r = 0; r < rows; ++r) {
        const int assignment = routing.order[start + r];
        const float share = routing.shares[assignment];
        float* to = out + static_cast<ptrdiff_t>(assignment / config.expertsPerToken) * hidden;
        const float* from = &results[r * hidden];
#pragma omp simd
        for (int i = 0; i < hidden; ++i) to[i] += share * from[i];
      }
    }
  }

  // dOut [tokens][hidden] → adds to dx [tokens][hidden] and to the weights' gradients; shareGradients
  // [tokens][expertsPerToken].
  void backward(const Layout& layout, int layer, const PackedLayer& packed, const Operand* x,
                const Operand* dOut, const Routing& routing, float* dx, float* shareGradients,
                float* gradients) {
    const int hidden = config.hidden, width = config.expertHidden;
    for (int e = 0; e < config.experts; ++e) {
      const int rows = routing.rowsOf(e), start = routing.starts[e];
      if (rows == 0) continue;
      gather(x, routing, e, gathered.data());
      gather(dOut, routing, e, gatheredGradients.data());
      gemm(false, rows, width, hidden / 2, byRows(gatheredGradients.data(), hidden), packed.downBack(e),
           results.data(), width);
      const Operand* kept = &routing.gateUp[static_cast<size_t>(start) * 2 * width];
      for (int r = 0; r < rows; ++r) {
        const int assignment = routing.order[start + r];
        shareGradients[assignment] =
            activate(kept + r * 2 * width, &results[r * width], routing.shares[assignment],
                     &activations[r * width], &hiddenOperands[r * 2 * width]);
      }
      interleave(gatheredGradients.data(), hidden, rows, hidden, pairs.data());
      panelsByRows(activations.data(), width, rows, width, panels.data());
      gemm(true, hidden, width, pairsOf(rows), byColumns(pairs.data(), hidden), panels.data(),
           gradients + layout.down(layer, e), width);

      gemm(false, rows, hidden, width, byRows(hiddenOperands.data(), 2 * width), packed.gateUpBack(e),
           results.data(), hidden);
      for (int r = 0; r < rows; ++r) {
        float* to = dx + static_cast<ptrdiff_t>(routing.order[start + r] / config.expertsPerToken) * hidden;
        const float* from = &results[r * hidden];
#pragma omp simd
        for (int i = 0; i < hidden; ++i) to[i] += from[i];
      }
      interleave(hiddenOperands.data(), 2 * width, rows, 2 * width, pairs.data());
      panelsByRows(gathered.data(), hidden, rows, hidden, panels.data());
      gemm(true, 2 * width, hidden, pairsOf(rows), byColumns(pairs.data(), 2 * width), panels.data(),
           gradients + layout.gateUp(layer, e), hidden);
    }
  }

 private:
  const Config config;
  const int tokens;
  Array<Operand> gathered, gatheredGradients, activations, hiddenOperands;
  Array<Pair> pairs, panels;
  Array<float> hiddenRows, results;

  void gather(const Operand* x, const Routing& routing, int expert, Operand* out) const {
    for (int i = routing.starts[expert]; i < routing.starts[expert + 1]; ++i, out += config.hidden)
      std::memcpy(out, x + static_cast<ptrdiff_t>(routing.order[i] / config.expertsPerToken) * config.hidden,
                  config.hidden * sizeof(Operand));
  }

  // A row's gate and up, and the gradient of its activation before weighting: writes the weighted activation
  // and the gradients of gate and up, returns the gradient of the weight.
  float activate(const Operand* gateUp, const float* gradient, float share, Operand* activation,
                 Operand* out) const {
    const int width = config.expertHidden;
    float along = 0;
#pragma omp simd reduction(+ : along)
    for (int i = 0; i < width; ++i) {
      const float gate = toFloat(gateUp[i]), up = toFloat(gateUp[width + i]), s = sigmoid(gate);
      const float silu = gate * s, value = silu * up, d = gradient[i] * share;
      along += gradient[i] * value;
      activation[i] = toOperand(value * share);
      out[i] = toOperand(d * up * s * (1.0f + gate * (1.0f - s)));
      out[width + i] = toOperand(d * silu);
    }
    return along;
  }
};
