// The model once more, forward only, in doubles and plain loops, written for reading: what the trainer's
// losses and gradients are checked against.
#pragma once

#include "network.h"

class Reference {
 public:
  explicit Reference(const Layout& shape) : layout(shape), config(shape.config) {}

  // What the trainer minimises on one micro batch that is the whole batch: mean cross-entropy, balance,
  // router loss.
  double loss(const std::vector<double>& weights, const MicroBatch& batch, const BatchScale& scale) const {
    const int rows = static_cast<int>(batch.tokens.size()), hidden = config.hidden;
    std::vector<std::vector<double>> x(rows);
    for (int t = 0; t < rows; ++t) {
      const double* row = &weights[layout.embedding + static_cast<size_t>(batch.tokens[t]) * hidden];
      x[t].assign(row, row + hidden);
    }
    double routerLoss = 0;
    for (int l = 0; l < config.layers; ++l) {
      for (const Span& span : batch.documents) attention(weights, l, span, x);
      for (auto& row : x) routerLoss += experts(weights, l, row, scale);
    }
    double crossEntropy = 0;
    for (int t = 0; t < rows; ++t) {
      if (batch.targets[t] == NO_TARGET) continue;
      const auto logits =
          multiply(&weights[layout.embedding], config.vocab, norm(x[t], &weights[layout.outputNorm]));
      crossEntropy += logSum(logits) - logits[batch.targets[t]];
    }
    return crossEntropy / scale.targets + routerLoss / scale.tokens;
  }

 private:
  const Layout& layout;
  const Config config;

  static std::vector<double> multiply(const double* matrix, int rows, const std::vector<double>& x) {
    std::vector<double> y(rows, 0.0);
    for (int r = 0; r < rows; ++r)
      for (size_t c = 0; c < x.size(); ++c) y[r] += matrix[r * x.size() + c] * x[c];
    return y;
  }

  std::vector<double> norm(const std::vector<double>& x, const double* gain) const {
    double squares = 0;
    for (double value : x) squares += value * value;
    std::vector<double> y(x.size());
    for (size_t i = 0; i < x.size(); ++i)
      y[i] = x[i] / std::sqrt(squares / x.size() + config.normEpsilon) * gain[i];
    return y;
  }

  static double logSum(const std::vector<double>& logits) {
    const double top = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (double logit : logits) sum += std::exp(logit - top);
    return top + std::log(sum);
  }

  std::vector<double> headOf(const std::vector<double>& row, int head, const double* gain,
                             int position) const {
    const int width = config.headDim;
    const auto y =
        norm(std::vector<double>(row.begin() + head * width, row.begin() + (head + 1) * width), gain);
    std::vector<double> turned(width);
    for (int i = 0; i < width / 2; ++i) {
      const double angle = position * std::pow(config.ropeBase, -2.0 * i / width);
      turned[i] = y[i] * std::cos(angle) - y[i + width / 2] * std::sin(angle);
      turned[i + width / 2] = y[i] * std::sin(angle) + y[i + width / 2] * std::cos(angle);
    }
    return turned;
  }

  void attention(const std::vector<double>& weights, int l, const Span& span,
                 std::vector<std::vector<double>>& x) const {
    const LayerOffsets& at = layout.layers[l];
    const int width = config.headDim, length = span.end - span.begin;
    std::vector<std::vector<double>> qkv(length), attended(length, std::vector<double>(config.queryWidth()));
    for (int t = 0; t < length; ++t)
      qkv[t] =
          multiply(&weights[at.qkv], config.qkvWidth(), norm(x[span.begin + t], &weights[at.attentionNorm]));
    for (int head = 0; head < config.heads; ++head) {
      const int kvHead = config.heads + head / (config.heads / config.kvHeads);
      for (int t = 0; t < length; ++t) {
        const auto q = headOf(qkv[t], head, &weights[at.queryNorm], t);
        std::vector<double> scores(t + 1, 0.0);
        for (int s = 0; s <= t; ++s) {
          const auto k = headOf(qkv[s], kvHead, &weights[at.keyNorm], s);
          for (int i = 0; i < width; ++i) scores[s] += q[i] * k[i] / std::sqrt(static_cast<double>(width));
        }
        const double sum = logSum(scores);
        for (int s = 0; s <= t; ++s)
          for (int i = 0; i < width; ++i)
            attended[t][head * width + i] +=
                std::exp(scores[s] - sum) * qkv[s][(kvHead + config.kvHeads) * width + i];
      }
    }
    for (int t = 0; t < length; ++t) {
      const auto y = multiply(&weights[at.attentionOutput], config.hidden, attended[t]);
      for (int i = 0; i < config.hidden; ++i) x[span.begin + t][i] += y[i];
    }
  }

  // Adds the experts' output to a row; returns its router losses.
  double experts(const std::vector<double>& weights, int l, std::vector<double>& row,
                 const BatchScale& scale) const {
    const LayerOffsets& at = layout.layers[l];
    const int width = config.expertHidden;
    const auto x = norm(row, &weights[at.expertNorm]);
    const auto logits = multiply(&weights[at.router], config.experts, x);
    const double sum = logSum(logits);
    std::vector<int> order(config.experts);
    for (int e = 0; e < config.experts; ++e) order[e] = e;
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[a] > logits[b]; });
    double kept = 0, losses = scale.router.logits * sum * sum;
    for (int e = 0; e < config.experts; ++e)
      losses += scale.router.balance * config.experts * scale.frequencies[l * config.experts + e] *
                std::exp(logits[e] - sum);
    for (int i = 0; i < config.expertsPerToken; ++i) kept += std::exp(logits[order[i]] - sum);
    for (int i = 0; i < config.expertsPerToken; ++i) {
      const double* gateUp = &weights[layout.gateUp(l, order[i])];
      auto inner = multiply(gateUp, width, x);
      const auto up = multiply(gateUp + static_cast<size_t>(width) * config.hidden, width, x);
      for (int j = 0; j < width; ++j) inner[j] *= up[j] / (1.0 + std::exp(-inner[j]));
      const auto y = multiply(&weights[layout.down(l, order[i])], config.hidden, inner);
      for (int j = 0; j < config.hidden; ++j) row[j] += std::exp(logits[order[i]] - sum) / kept * y[j];
    }
    return losses;
  }
};
