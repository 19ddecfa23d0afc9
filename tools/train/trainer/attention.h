// Causal attention within documents: a token sees those of its own document only, so that packing documents
// into a row changes nothing for them and costs no arithmetic.
#pragma once

#include "gemm.h"
#include "norm.h"

// A document's tokens [begin, end) in a micro batch.
struct Span {
  int begin, end;
};

constexpr int QUERY_ROWS = 64;

class Attention {
 public:
  explicit Attention(const Config& shape) : config(shape) {
    const size_t keys = padded(config.context) + QUERY_ROWS, width = config.headDim;
    scores.resize(QUERY_ROWS * keys);
    scoreGradients.resize(QUERY_ROWS * keys);
    weights.resize(QUERY_ROWS * keys);
    weightGradients.resize(QUERY_ROWS * keys);
    weightPairs.resize(QUERY_ROWS / 2 * keys);
    for (auto* panels : {&keyColumns, &valueColumns, &keyRows, &valueRows}) panels->resize(keys * width);
    queryRows.resize(QUERY_ROWS * width);
    outputs.resize(QUERY_ROWS * width);
  }

  // q [rows][queryWidth], k and v [rows][keyWidth] → o [rows][queryWidth] and, per row and head, the
  // logarithm of the sum of exponentials.
  void forward(const std::vector<Span>& documents, const Operand* q, const Operand* k, const Operand* v,
               Operand* o, float* logSums) {
    const int width = config.headDim, group = config.heads / config.kvHeads;
    for (const Span& span : documents)
      for (int kvHead = 0; kvHead < config.kvHeads; ++kvHead) {
        const int length = span.end - span.begin;
        const ptrdiff_t kv = static_cast<ptrdiff_t>(span.begin) * config.keyWidth() + kvHead * width;
        panelsByColumns(k + kv, config.keyWidth(), length, width, keyColumns.data());
        panelsByRows(v + kv, config.keyWidth(), length, width, valueRows.data());
        for (int head = kvHead * group; head < (kvHead + 1) * group; ++head)
          for (int first = 0; first < length; first += QUERY_ROWS) {
            const Block block = blockOf(span, head, first);
            scoresOf(block, q);
            for (int r = 0; r < block.rows; ++r) {
              const float sum = softmax(block, r);
              logSums[static_cast<ptrdiff_t>(block.token + r) * config.heads + head] = sum;
            }
            gemm(false, block.rows, width, block.keys / 2, byRows(weights.data(), block.keys),
                 valueRows.data(), outputs.data(), width);
            for (int r = 0; r < block.rows; ++r)
              toOperands(&outputs[r * width], o + block.at + static_cast<ptrdiff_t>(r) * config.queryWidth(),
                         width);
          }
      }
  }

  // Writes dq, and adds to dk and dv (floats, shaped as q, k, v), given the gradient of o.
  void backward(const std::vector<Span>& documents, const Operand* q, const Operand* k, const Operand* v,
                const Operand* o, const float* logSums, const Operand* dO, float* dq, float* dk, float* dv) {
    const int width = config.headDim, group = config.heads / config.kvHeads;
    const float scale = 1.0f / std::sqrt(static_cast<float>(width));
    for (const Span& span : documents)
      for (int kvHead = 0; kvHead < config.kvHeads; ++kvHead) {
        const int length = span.end - span.begin;
        const ptrdiff_t kv = static_cast<ptrdiff_t>(span.begin) * config.keyWidth() + kvHead * width;
        panelsByColumns(k + kv, config.keyWidth(), length, width, keyColumns.data());
        panelsByColumns(v + kv, config.keyWidth(), length, width, valueColumns.data());
        panelsByRows(k + kv, config.keyWidth(), length, width, keyRows.data());
        for (int head = kvHead * group; head < (kvHead + 1) * group; ++head)
          for (int first = 0; first < length; first += QUERY_ROWS) {
            const Block block = blockOf(span, head, first);
            scoresOf(block, q);
            gemm(false, block.rows, block.keys, width / 2, queries(block, dO), valueColumns.data(),
                 scoreGradients.data(), block.keys);
            for (int r = 0; r < block.rows; ++r) {
              const ptrdiff_t row = block.at + static_cast<ptrdiff_t>(r) * config.queryWidth();
              float along = 0;
              for (int i = 0; i < width; ++i) along += toFloat(dO[row + i]) * toFloat(o[row + i]);
              const float logSum = logSums[static_cast<ptrdiff_t>(block.token + r) * config.heads + head];
              float* s = &scores[r * block.keys];
              const float* ds = &scoreGradients[r * block.keys];
              Operand *p = &weights[r * block.keys], *dp = &weightGradients[r * block.keys];
              const int seen = first + r + 1;
#pragma omp simd
              for (int j = 0; j < block.keys; ++j) {
                const float weight = j < seen ? exponential(s[j] * scale - logSum) : 0.0f;
                p[j] = toOperand(weight);
                dp[j] = toOperand(weight * (ds[j] - along) * scale);
              }
            }
            gemm(false, block.rows, width, block.keys / 2, byRows(weightGradients.data(), block.keys),
                 keyRows.data(), dq + block.at, config.queryWidth());
            addTransposed(block, weightGradients.data(), q, dk + kv);
            addTransposed(block, weights.data(), dO, dv + kv);
          }
      }
  }

 private:
  // Queries [first, first + rows) of a document and head; the keys that any of them sees, in whole vectors.
  struct Block {
    int first, rows, keys, token;
    ptrdiff_t at;  // of the first query in q
  };

  const Config config;
  Array<float> scores, scoreGradients, outputs;
  Array<Operand> weights, weightGradients;
  Array<Pair> weightPairs, keyColumns, valueColumns, keyRows, valueRows, queryRows;

  Block blockOf(const Span& span, int head, int first) const {
    const int length = span.end - span.begin, rows = std::min(QUERY_ROWS, length - first);
    const int token = span.begin + first;
    const ptrdiff_t at = static_cast<ptrdiff_t>(token) * config.queryWidth() + head * config.headDim;
    return {first, rows, padded(first + rows), token, at};
  }

  Left queries(const Block& block, const Operand* q) const {
    return {reinterpret_cast<const Pair*>(q + block.at), config.queryWidth() / 2, 1};
  }

  void scoresOf(const Block& block, const Operand* q) {
    gemm(false, block.rows, block.keys, config.headDim / 2, queries(block, q), keyColumns.data(),
         scores.data(), block.keys);
  }

  float softmax(const Block& block, int r) {
    const float scale = 1.0f / std::sqrt(static_cast<float>(config.headDim));
    const int seen = block.first + r + 1;
    float* s = &scores[r * block.keys];
    float top = s[0];
#pragma omp simd reduction(max : top)
    for (int j = 0; j < seen; ++j) top = s[j] > top ? s[j] : top;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < seen; ++j) {
      s[j] = exponential((s[j] - top) * scale);
      sum += s[j];
    }
    const float share = 1.0f / sum;
    Operand* p = &weights[r * block.keys];
#pragma omp simd
    for (int j = 0; j < block.keys; ++j) p[j] = j < seen ? toOperand(s[j] * share) : Operand(0);
    return top * scale + std::log(sum);
  }

  // out [keys][headDim, stride keyWidth] += matrix^T [keys][rows] · queries' rows [rows][headDim].
  void addTransposed(const Block& block, const Operand* matrix, const Operand* rows, float* out) {
    interleave(matrix, block.keys, block.rows, block.keys, weightPairs.data());
    panelsByRows(rows + block.at, config.queryWidth(), block.rows, config.headDim, queryRows.data());
    const int keys = block.first + block.rows;
    gemm(true, keys, config.headDim, pairsOf(block.rows), byColumns(weightPairs.data(), block.keys),
         queryRows.data(), out, config.keyWidth());
  }
};
