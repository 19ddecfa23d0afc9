// The weights as matrix products read them, made anew from the floats after every optimizer step.
#pragma once

#include "gemm.h"
#include "parameters.h"

class PackedLayer {
 public:
  explicit PackedLayer(const Config& shape)
      : config(shape), matrices(trunk(TRUNK_END)), experts(expert(shape.experts, EXPERT_END)) {}

  const Pair* qkv() const { return &matrices[trunk(QKV)]; }
  const Pair* qkvBack() const { return &matrices[trunk(QKV_BACK)]; }
  const Pair* output() const { return &matrices[trunk(OUTPUT)]; }
  const Pair* outputBack() const { return &matrices[trunk(OUTPUT_BACK)]; }
  const Pair* routerBack() const { return &matrices[trunk(ROUTER_BACK)]; }
  const Pair* gateUp(int e) const { return &experts[expert(e, GATE_UP)]; }
  const Pair* gateUpBack(int e) const { return &experts[expert(e, GATE_UP_BACK)]; }
  const Pair* down(int e) const { return &experts[expert(e, DOWN)]; }
  const Pair* downBack(int e) const { return &experts[expert(e, DOWN_BACK)]; }

  void packTrunk(const Layout& layout, int layer, const float* weights) {
    const int hidden = config.hidden;
    const LayerOffsets& at = layout.layers[layer];
    both(weights + at.qkv, config.qkvWidth(), hidden, &matrices[trunk(QKV)], &matrices[trunk(QKV_BACK)]);
    both(weights + at.attentionOutput, hidden, config.queryWidth(), &matrices[trunk(OUTPUT)],
         &matrices[trunk(OUTPUT_BACK)]);
    both(weights + at.router, config.experts, hidden, nullptr, &matrices[trunk(ROUTER_BACK)]);
  }

  void packExperts(const Layout& layout, int layer, const float* weights, int first, int last) {
    const int hidden = config.hidden, width = config.expertHidden;
    for (int e = first; e < last; ++e) {
      both(weights + layout.gateUp(layer, e), 2 * width, hidden, &experts[expert(e, GATE_UP)],
           &experts[expert(e, GATE_UP_BACK)]);
      both(weights + layout.down(layer, e), hidden, width, &experts[expert(e, DOWN)],
           &experts[expert(e, DOWN_BACK)]);
    }
  }

 private:
  enum Trunk { QKV, QKV_BACK, OUTPUT, OUTPUT_BACK, ROUTER_BACK, TRUNK_END };
  enum Expert { GATE_UP, GATE_UP_BACK, DOWN, DOWN_BACK, EXPERT_END };
  const Config config;
  Array<Pair> matrices, experts;

  // Where a matrix begins. Each has one dimension `hidden`; these are the other ones of those before it.
  size_t trunk(Trunk matrix) const {
    const int widths[] = {config.qkvWidth(), config.qkvWidth(), config.queryWidth(), config.queryWidth(),
                          config.experts};
    return pairsBefore(widths, matrix);
  }
  size_t expert(int e, Expert matrix) const {
    const int width = config.expertHidden, widths[] = {2 * width, 2 * width, width, width};
    return e * pairsBefore(widths, EXPERT_END) + (matrix == EXPERT_END ? 0 : pairsBefore(widths, matrix));
  }
  size_t pairsBefore(const int* widths, int count) const {
    size_t sum = 0;
    for (int i = 0; i < count; ++i) sum += static_cast<size_t>(widths[i]);
    return sum * static_cast<size_t>(config.hidden) / 2;
  }

  // y = W x reads W's columns as the summed dimension, its gradient W's rows.
  static void both(const float* matrix, int rows, int columns, Pair* forward, Pair* back) {
    static thread_local Array<Operand> rounded;
    rounded.resize(static_cast<size_t>(rows) * columns);
    toOperands(matrix, rounded.data(), rounded.size());
    if (forward) panelsByColumns(rounded.data(), columns, rows, columns, forward);
    panelsByRows(rounded.data(), columns, rows, columns, back);
  }
};
