// The router: a softmax over all experts, the likeliest few, their shares renormalised to sum 1 (qwen3moe).
// In floats throughout, as engines compute it.
#pragma once

#include "gemm.h"
#include "parameters.h"

struct RouterLosses {
  float balance = 0.01f;  // coefficient of the load-balancing loss, per layer
  float logits = 1e-4f;   // coefficient of the squared logarithm of the partition function, per layer
};

class Router {
 public:
  explicit Router(const Config& shape)
      : config(shape), transposed(static_cast<size_t>(shape.hidden) * shape.experts) {}

  // Weights [experts][hidden], to be called when they change.
  void load(const float* weights) {
    for (int e = 0; e < config.experts; ++e)
      for (int i = 0; i < config.hidden; ++i)
        transposed[i * config.experts + e] = weights[e * config.hidden + i];
  }

  // x [rows][hidden] → probabilities [rows][experts], and per row the sum of exponentials' logarithm.
  void probabilities(const float* x, int rows, float* out, float* logSums) const {
    const int experts = config.experts;
    for (int r = 0; r < rows; r += ROWS) {
      const int count = std::min(ROWS, rows - r);
      for (int e = 0; e < experts; e += LANES)
        logits(x + static_cast<ptrdiff_t>(r) * config.hidden, count, e, out + r * experts + e);
    }
    for (int r = 0; r < rows; ++r) {
      float* p = out + r * experts;
      float top = p[0];
      for (int e = 1; e < experts; ++e) top = std::max(top, p[e]);
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int e = 0; e < experts; ++e) {
        p[e] = exponential(p[e] - top);
        sum += p[e];
      }
      logSums[r] = top + std::log(sum);
      for (int e = 0; e < experts; ++e) p[e] /= sum;
    }
  }

  // The likeliest experts of a row, likeliest first, ties to the lowest id; their shares.
  void pick(const float* probability, int* picks, float* shares) const {
    const int experts = config.experts, count = config.expertsPerToken;
    float sum = 0;
    for (int i = 0; i < count; ++i) {
      int best = -1;
      for (int e = 0; e < experts; ++e) {
        bool taken = false;
        for (int j = 0; j < i; ++j) taken = taken || picks[j] == e;
        if (!taken && (best < 0 || probability[e] > probability[best])) best = e;
      }
      picks[i] = best;
      shares[i] = probability[best];
      sum += probability[best];
    }
    for (int i = 0; i < count; ++i) shares[i] /= sum;
  }

  // Gradient of a row's logits. `frequencies` [experts] are each expert's share of all assignments of whole
  // batches: a balance asked of every micro batch would forbid that a domain has its own experts (Qiu et al.
  // 2025, arXiv:2501.11873). `rows`: tokens of the whole batch, over which the two losses are means.
  void gradient(const float* probability, float logSum, const int* picks, const float* shares,
                const float* shareGradients, const float* frequencies, const RouterLosses& losses, float rows,
                float* out) const {
    const int experts = config.experts;
    const float pressure = losses.balance * static_cast<float>(experts) / rows;
    float mean = 0;
    for (int e = 0; e < experts; ++e) mean += probability[e] * frequencies[e];
    const float pull = 2.0f * losses.logits * logSum / rows;
    for (int e = 0; e < experts; ++e) out[e] = probability[e] * (pressure * (frequencies[e] - mean) + pull);
    float along = 0;
    for (int i = 0; i < config.expertsPerToken; ++i) along += shares[i] * shareGradients[i];
    for (int i = 0; i < config.expertsPerToken; ++i) out[picks[i]] += shares[i] * (shareGradients[i] - along);
  }

 private:
  static constexpr int ROWS = 8;
  const Config config;
  Array<float> transposed;  // [hidden][experts]

  void logits(const float* x, int rows, int expert, float* out) const {
    const float* weights = transposed.data() + expert;
    const int hidden = config.hidden, experts = config.experts;
    if (rows == ROWS) {
      __m512 sums[ROWS] = {};
      for (int i = 0; i < hidden; ++i) {
        const __m512 w = _mm512_loadu_ps(weights + static_cast<ptrdiff_t>(i) * experts);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
          sums[r] = _mm512_fmadd_ps(_mm512_set1_ps(x[r * hidden + i]), w, sums[r]);
      }
      for (int r = 0; r < ROWS; ++r) _mm512_storeu_ps(out + r * experts, sums[r]);
      return;
    }
    for (int r = 0; r < rows; ++r) {
      __m512 sum = _mm512_setzero_ps();
      for (int i = 0; i < hidden; ++i)
        sum = _mm512_fmadd_ps(_mm512_set1_ps(x[r * hidden + i]),
                              _mm512_loadu_ps(weights + static_cast<ptrdiff_t>(i) * experts), sum);
      _mm512_storeu_ps(out + r * experts, sum);
    }
  }
};
