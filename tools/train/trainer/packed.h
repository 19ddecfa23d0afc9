// The weights as matrix products read them, made anew from the floats after every optimizer step.
#pragma once

#include "gemm.h"
#include "parameters.h"

class PackedLayer {
 public:
  explicit PackedLayer(const Config& shape)
      : config(shape),
        matrices(pairCount(config.qkvWidth()) * 2 + pairCount(config.queryWidth()) * 2 +
                 pairCount(config.experts)),
        experts(expertPairs() * config.experts) {}

  const Pair* qkv() const { return matrices.data(); }
  const Pair* qkvBack() const { return qkv() + pairCount(config.qkvWidth()); }
  const Pair* output() const { return qkvBack() + pairCount(config.qkvWidth()); }
  const Pair* outputBack() const { return output() + pairCount(config.queryWidth()); }
  const Pair* routerBack() const { return outputBack() + pairCount(config.queryWidth()); }
  const Pair* gateUp(int e) const { return experts.data() + e * expertPairs(); }
  const Pair* gateUpBack(int e) const { return gateUp(e) + pairCount(2 * config.expertHidden); }
  const Pair* down(int e) const { return gateUpBack(e) + pairCount(2 * config.expertHidden); }
  const Pair* downBack(int e) const { return down(e) + pairCount(config.expertHidden); }

  // Trunk and experts [firstExpert, lastExpert) of a layer; the trunk if firstExpert is 0.
  void pack(const Layout& layout, int layer, const float* weights, int firstExpert, int lastExpert) {
    const int hidden = config.hidden, width = config.expertHidden;
    if (firstExpert == 0) {
      const LayerOffsets& at = layout.layers[layer];
      both(weights + at.qkv, config.qkvWidth(), hidden, qkv(), qkvBack());
      both(weights + at.attentionOutput, hidden, config.queryWidth(), output(), outputBack());
      both(weights + at.router, config.experts, hidden, nullptr, routerBack());
    }
    for (int e = firstExpert; e < lastExpert; ++e) {
      both(weights + layout.gateUp(layer, e), 2 * width, hidden, gateUp(e), gateUpBack(e));
      both(weights + layout.down(layer, e), hidden, width, down(e), downBack(e));
    }
  }

 private:
  const Config config;
  Array<Pair> matrices, experts;

  // Of a matrix with one dimension `other` and one `hidden`.
  size_t pairCount(int other) const { return static_cast<size_t>(other) * config.hidden / 2; }
  size_t expertPairs() const { return pairCount(config.expertHidden) * 6; }

  // y = W x reads W's columns as the summed dimension, its gradient W's rows.
  static void both(const float* matrix, int rows, int columns, const Pair* forward, const Pair* back) {
    static thread_local Array<Operand> rounded;
    rounded.resize(static_cast<size_t>(rows) * columns);
    toOperands(matrix, rounded.data(), rounded.size());
    if (forward) panelsByColumns(rounded.data(), columns, rows, columns, const_cast<Pair*>(forward));
    panelsByRows(rounded.data(), columns, rows, columns, const_cast<Pair*>(back));
  }
};
