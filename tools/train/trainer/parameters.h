// The model's shape, and where each matrix lies in one flat array of floats.
#pragma once

#include "numerics.h"

#include <cmath>
#include <cstdint>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

// Arrays begin on cache lines: a vector load across two lines costs two.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(64)));
  }
  void deallocate(T* at, size_t) { ::operator delete(at, std::align_val_t(64)); }
  template <class U>
  bool operator==(const LineAllocator<U>&) const {
    return true;
  }
  template <class U>
  bool operator!=(const LineAllocator<U>&) const {
    return false;
  }
};

template <class T>
using Array = std::vector<T, LineAllocator<T>>;

struct Config {
  int layers = 6, hidden = 256, heads = 8, kvHeads = 4, headDim = 32;
  int experts = 32, expertsPerToken = 4, expertHidden = 128, vocab = 8192, context = 1024;
  float ropeBase = 10000.0f, normEpsilon = 1e-6f;

  int queryWidth() const { return heads * headDim; }
  int keyWidth() const { return kvHeads * headDim; }
  int qkvWidth() const { return queryWidth() + 2 * keyWidth(); }

  // Throws where the kernels' vectors would not fit.
  void check() const {
    const auto need = [](bool holds, const char* what) {
      if (!holds) throw std::invalid_argument(std::string("The model's shape: ") + what + ".");
    };
    need(layers > 0 && vocab > 3 && context > 1, "layers, vocab and context must be positive");
    need(vocab <= 65536, "tokens are stored in 16 bits");
    need(hidden % 16 == 0 && expertHidden % 16 == 0 && vocab % 16 == 0, "widths must be multiples of 16");
    need(experts % 16 == 0 && experts <= 256, "experts must be a multiple of 16, at most 256");
    need(headDim == 16 || headDim == 32 || headDim == 64, "headDim must be 16, 32 or 64");
    need(heads % kvHeads == 0, "kvHeads must divide heads");
    need(expertsPerToken > 0 && expertsPerToken <= experts, "expertsPerToken must be at most experts");
  }
};

enum class Kind { embedding, gain, router, matrix };

// One trained matrix [rows][columns], or a vector of gains with one row. An expert's matrices are tensors of
// their own, because the optimizer orthogonalizes each for itself.
struct Tensor {
  std::string name;
  Kind kind;
  size_t offset;
  int rows, columns;
  bool residual;  // writes into the residual stream
  size_t size() const { return static_cast<size_t>(rows) * columns; }
};

struct LayerOffsets {
  size_t attentionNorm, qkv, queryNorm, keyNorm, attentionOutput, expertNorm, router, experts;
};

struct Layout {
  Config config;
  std::vector<Tensor> tensors;
  std::vector<LayerOffsets> layers;
  size_t embedding = 0, outputNorm = 0, size = 0;

  explicit Layout(const Config& shape) : config(shape) {
    shape.check();
    const int h = shape.hidden, w = shape.expertHidden;
    embedding = add("token_embd", Kind::embedding, shape.vocab, h);
    for (int l = 0; l < shape.layers; ++l) {
      const std::string blk = "blk." + std::to_string(l) + ".";
      LayerOffsets at;
      at.attentionNorm = add(blk + "attn_norm", Kind::gain, 1, h);
      at.qkv = add(blk + "attn_q", Kind::matrix, shape.queryWidth(), h);
      add(blk + "attn_k", Kind::matrix, shape.keyWidth(), h);
      add(blk + "attn_v", Kind::matrix, shape.keyWidth(), h);
      at.queryNorm = add(blk + "attn_q_norm", Kind::gain, 1, shape.headDim);
      at.keyNorm = add(blk + "attn_k_norm", Kind::gain, 1, shape.headDim);
      at.attentionOutput = add(blk + "attn_output", Kind::matrix, h, shape.queryWidth(), true);
      at.expertNorm = add(blk + "ffn_norm", Kind::gain, 1, h);
      at.router = add(blk + "ffn_gate_inp", Kind::router, shape.experts, h);
      at.experts = size;
      for (int e = 0; e < shape.experts; ++e) {
        const std::string of = "." + std::to_string(e);
        add(blk + "ffn_gate" + of, Kind::matrix, w, h);
        add(blk + "ffn_up" + of, Kind::matrix, w, h);
        add(blk + "ffn_down" + of, Kind::matrix, h, w, true);
      }
      layers.push_back(at);
    }
    outputNorm = add("output_norm", Kind::gain, 1, h);
  }

  // Gate and up as one matrix [2 expertHidden][hidden], then down [hidden][expertHidden].
  size_t expertSize() const { return 3 * static_cast<size_t>(config.expertHidden) * config.hidden; }
  size_t gateUp(int layer, int expert) const { return layers[layer].experts + expert * expertSize(); }
  size_t down(int layer, int expert) const {
    return gateUp(layer, expert) + 2 * static_cast<size_t>(config.expertHidden) * config.hidden;
  }

 private:
  size_t add(const std::string& name, Kind kind, int rows, int columns, bool residual = false) {
    tensors.push_back({name, kind, size, rows, columns, residual});
    const size_t offset = size;
    size += tensors.back().size();
    return offset;
  }
};

// A normal number from two draws (Box and Muller): the standard's distributions differ between libraries.
class Normal {
 public:
  explicit Normal(uint64_t seed) : engine(seed) {}
  float operator()() {
    const double u = (static_cast<double>(engine() >> 11) + 1.0) * 0x1p-53;
    const double v = static_cast<double>(engine() >> 11) * 0x1p-53;
    return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v));
  }

 private:
  std::mt19937_64 engine;
};

// Gains are ones. What writes into the residual stream begins at zero, so that each layer begins as the
// identity; `residualScale` gives it other values where a test wants gradients everywhere.
inline void initialize(const Layout& layout, uint64_t seed, Array<float>& weights,
                       float residualScale = 0.0f) {
  weights.assign(layout.size, 0.0f);
  Normal normal(seed);
  for (const Tensor& tensor : layout.tensors) {
    float scale = 0.7f / std::sqrt(static_cast<float>(tensor.columns));
    if (tensor.kind == Kind::embedding || tensor.kind == Kind::router) scale = 0.02f;
    if (tensor.residual) scale *= residualScale;
    for (size_t i = 0; i < tensor.size(); ++i)
      weights[tensor.offset + i] = tensor.kind == Kind::gain ? 1.0f : scale * normal();
  }
}
