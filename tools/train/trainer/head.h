// The tied output matrix, the softmax over the vocabulary and its cross-entropy, in blocks of tokens.
#pragma once

#include "gemm.h"
#include "parameters.h"

constexpr int NO_TARGET = -1;

struct PackedHead {
  Array<Pair> forward, back;

  explicit PackedHead(const Config& config)
      : forward(static_cast<size_t>(config.vocab) * config.hidden / 2), back(forward.size()) {}

  // Rows [first, last) of the embedding; `first` and `last` are multiples of a panel's columns (or the end).
  void pack(const Config& config, const float* embedding, int first, int last) {
    const int hidden = config.hidden;
    Array<Operand> rounded(static_cast<size_t>(PANEL_COLUMNS) * hidden);
    for (int row = first; row < last; row += PANEL_COLUMNS) {
      const int rows = std::min(PANEL_COLUMNS, last - row);
      toOperands(embedding + static_cast<size_t>(row) * hidden, rounded.data(),
                 static_cast<size_t>(rows) * hidden);
      panelsByColumns(rounded.data(), hidden, rows, hidden,
                      forward.data() + static_cast<size_t>(row) * hidden / 2);
      // The vocabulary is summed over here, so a block of rows is a stretch of every panel.
      for (int column = 0; column < hidden; column += PANEL_COLUMNS) {
        const int width = std::min(PANEL_COLUMNS, hidden - column);
        Pair* to = back.data() + static_cast<size_t>(column) * (config.vocab / 2) +
                   static_cast<size_t>(row / 2) * width;
        interleave(rounded.data() + column, hidden, rows, width, to);
      }
    }
  }
};

class Head {
 public:
  explicit Head(const Config& shape)
      : config(shape),
        logits(static_cast<size_t>(ROWS) * shape.vocab),
        gradientRows(static_cast<size_t>(ROWS) * shape.vocab),
        gradientPairs(static_cast<size_t>(BLOCK) / 2 * shape.vocab),
        panels(static_cast<size_t>(BLOCK) / 2 * shape.hidden) {}

  // x [rows][hidden] normalised, targets [rows]; adds each token's loss in nats to `losses` (0 without a
  // target). With gradients: dx [rows][hidden] and `dEmbedding` += of `scale` times the sum of losses.
  double run(const PackedHead& packed, const Operand* x, const int* targets, int rows, float scale,
             float* losses, float* dx, float* dEmbedding) {
    const int hidden = config.hidden, vocab = config.vocab;
    double total = 0;
    for (int block = 0; block < rows; block += BLOCK) {
      const int blockRows = std::min(BLOCK, rows - block);
      for (int first = block; first < block + blockRows; first += ROWS) {
        const int count = std::min(ROWS, block + blockRows - first);
        gemm(false, count, vocab, hidden / 2, byRows(x + static_cast<ptrdiff_t>(first) * hidden, hidden),
             packed.forward.data(), logits.data(), vocab);
        for (int r = 0; r < count; ++r) {
          const float loss = softmax(r, targets[first + r], dx ? scale : 0.0f);
          if (losses) losses[first + r] = loss;
          total += loss;
        }
        if (!dx) continue;
        gemm(false, count, hidden, vocab / 2, byRows(gradientRows.data(), vocab), packed.back.data(),
             dx + static_cast<ptrdiff_t>(first) * hidden, hidden);
        interleave(gradientRows.data(), vocab, count, vocab,
                   gradientPairs.data() + static_cast<ptrdiff_t>(first - block) / 2 * vocab);
      }
      if (!dx) continue;
      panelsByRows(x + static_cast<ptrdiff_t>(block) * hidden, hidden, blockRows, hidden, panels.data());
      gemm(true, vocab, hidden, pairsOf(blockRows), byColumns(gradientPairs.data(), vocab), panels.data(),
           dEmbedding, hidden);
    }
    return total;
  }

 private:
  static constexpr int ROWS = 64, BLOCK = 256;
  const Config config;
  Array<float> logits;
  Array<Operand> gradientRows;
  Array<Pair> gradientPairs, panels;

  float softmax(int row, int target, float scale) {
    const int vocab = config.vocab;
    const float* l = &logits[static_cast<size_t>(row) * vocab];
    Operand* d = &gradientRows[static_cast<size_t>(row) * vocab];
    if (target == NO_TARGET) {
      std::fill(d, d + vocab, Operand(0));
      return 0;
    }
    float top = l[0];
#pragma omp simd reduction(max : top)
    for (int i = 0; i < vocab; ++i) top = l[i] > top ? l[i] : top;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < vocab; ++i) sum += exponential(l[i] - top);
    const float logSum = top + std::log(sum);
    if (scale != 0) {
#pragma omp simd
      for (int i = 0; i < vocab; ++i) d[i] = toOperand(scale * exponential(l[i] - logSum));
      d[target] = toOperand(scale * (exponential(l[target] - logSum) - 1.0f));
    }
    return logSum - l[target];
  }
};
