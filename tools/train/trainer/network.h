// A micro batch through the whole model and back. Threads have networks of their own and share packed
// weights.
#pragma once

#include "attention.h"
#include "experts.h"
#include "head.h"

#include <memory>

struct PackedWeights {
  std::vector<PackedLayer> layers;
  PackedHead head;

  explicit PackedWeights(const Config& config) : layers(config.layers, PackedLayer(config)), head(config) {}

  // This worker's share: experts and panels of the embedding are dealt out, the trunk is the first worker's.
  void pack(const Layout& layout, const float* weights, int worker, int workers) {
    const Config& config = layout.config;
    const auto dealt = [&](int count, int to) { return count * to / workers; };
    for (int l = 0; l < config.layers; ++l) {
      if (worker == 0) layers[l].packTrunk(layout, l, weights);
      layers[l].packExperts(layout, l, weights, dealt(config.experts, worker),
                            dealt(config.experts, worker + 1));
    }
    const int panels = (config.vocab + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
    head.pack(config, weights + layout.embedding, dealt(panels, worker) * PANEL_COLUMNS,
              std::min(config.vocab, dealt(panels, worker + 1) * PANEL_COLUMNS));
  }
};

struct MicroBatch {
  std::vector<int> tokens, targets;  // [tokens]; NO_TARGET where the next token is another document's
  std::vector<Span> documents;
};

struct BatchScale {
  float targets = 1, tokens = 1;       // of the whole batch, which the losses are means over
  const float* frequencies = nullptr;  // [layers][experts], shares of all assignments
  RouterLosses router;
};

class Network {
 public:
  Network(const Layout& shape, int tokenCount)
      : layout(shape),
        config(shape.config),
        capacity(tokenCount),
        rotary(config),
        attention(config),
        experts(config, tokenCount),
        head(config) {
    const size_t hidden = config.hidden, rows = capacity;
    for (int l = 0; l < config.layers; ++l) layers.push_back(std::make_unique<Layer>(config, capacity));
    stream.resize(rows * hidden);
    normalized.resize(rows * hidden);
    finalOperands.resize(rows * hidden);
    output.resize(rows * hidden);
    finalScales.resize(rows);
    inner.resize(rows * std::max<size_t>(hidden, config.qkvWidth()));
    operands.resize(rows * std::max<size_t>(hidden, config.qkvWidth()));
    dq.resize(rows * config.queryWidth());
    dk.resize(rows * config.keyWidth());
    dv.resize(rows * config.keyWidth());
    shareGradients.resize(rows * config.expertsPerToken);
    routerLogits.resize(rows * config.experts);
    routerGradients.resize(routerLogits.size());
    pairs.resize((rows / 2 + 1) * std::max<size_t>({hidden, static_cast<size_t>(config.qkvWidth()),
                                                    static_cast<size_t>(config.experts)}));
    panels.resize((rows / 2 + 1) * std::max<size_t>(hidden, config.queryWidth()));
  }

  // Sum of the targets' losses in nats; each token's to `losses` where given.
  double forward(const PackedWeights& packed, const float* weights, const MicroBatch& batch, float* losses) {
    trunk(packed, weights, batch);
    return head.run(packed.head, finalOperands.data(), batch.targets.data(), rows, 0, losses, nullptr,
                    nullptr);
  }

  // The same, adding the gradient of mean cross-entropy, balance and router loss to `gradients`.
  double train(const PackedWeights& packed, const float* weights, const MicroBatch& batch,
               const BatchScale& scale, float* gradients) {
    trunk(packed, weights, batch);
    std::fill_n(stream.begin(), static_cast<size_t>(rows) * config.hidden, 0.0f);
    const double loss = head.run(packed.head, finalOperands.data(), batch.targets.data(), rows,
                                 1.0f / scale.targets, nullptr, inner.data(), gradients + layout.embedding);
    for (int t = 0; t < rows; ++t)
      rmsNormBackward(&inner[at(t)], &output[at(t)], weights + layout.outputNorm, finalScales[t],
                      config.hidden, &stream[at(t)], gradients + layout.outputNorm);
    for (int l = config.layers - 1; l >= 0; --l) {
      expertsBackward(l, packed.layers[l], weights, scale, gradients);
      attentionBackward(l, packed.layers[l], weights, batch, gradients);
    }
    for (int t = 0; t < rows; ++t) {
      float* to = gradients + layout.embedding + static_cast<size_t>(batch.tokens[t]) * config.hidden;
      for (int i = 0; i < config.hidden; ++i) to[i] += stream[at(t) + i];
    }
    return loss;
  }

  const Routing& routing(int layer) const { return layers[layer]->routing; }

  // Weights of the routers, to be called when they change.
  void loadRouters(const float* weights) {
    for (int l = 0; l < config.layers; ++l) layers[l]->router.load(weights + layout.layers[l].router);
  }

 private:
  struct Layer {
    Array<float> input, middle,
        qkv;  // the residual stream before attention and before the experts; unnormalised heads
    Array<float> inputScales, middleScales, headScales, logSums;
    Array<Operand> normalized, q, k, v, attended, expertInput;
    Router router;
    Routing routing;

    Layer(const Config& config, size_t rows)
        : input(rows * config.hidden),
          middle(input.size()),
          qkv(rows * config.qkvWidth()),
          inputScales(rows),
          middleScales(rows),
          headScales(rows * (config.heads + config.kvHeads)),
          logSums(rows * config.heads),
          normalized(input.size()),
          q(rows * config.queryWidth()),
          k(rows * config.keyWidth()),
          v(k.size()),
          attended(q.size()),
          expertInput(input.size()),
          router(config),
          routing(config, static_cast<int>(rows)) {}
  };

  const Layout& layout;
  const Config config;
  const int capacity;
  int rows = 0;
  const Rotary rotary;
  Attention attention;
  Experts experts;
  Head head;
  std::vector<std::unique_ptr<Layer>> layers;
  // Forward: the residual stream. Backward: its gradient.
  Array<float> stream;
  Array<float> output;  // the stream after the last layer
  Array<float> normalized, finalScales, inner, dq, dk, dv, shareGradients, routerLogits;
  Array<Operand> operands, finalOperands, routerGradients;
  Array<Pair> pairs, panels;
  std::vector<int> positions;

  size_t at(int token) const { return static_cast<size_t>(token) * config.hidden; }

  void trunk(const PackedWeights& packed, const float* weights, const MicroBatch& batch) {
    rows = static_cast<int>(batch.tokens.size());
    if (rows > capacity) throw std::invalid_argument("A micro batch has more tokens than its network.");
    positions.resize(rows);
    for (const Span& span : batch.documents)
      for (int t = span.begin; t < span.end; ++t) positions[t] = t - span.begin;
    for (int t = 0; t < rows; ++t)
      std::memcpy(&stream[at(t)], weights + layout.embedding + at(batch.tokens[t]),
                  config.hidden * sizeof(float));
    for (int l = 0; l < config.layers; ++l) {
      attentionForward(l, packed.layers[l], weights, batch);
      expertsForward(l, packed.layers[l], weights);
    }
    std::copy_n(stream.begin(), at(rows), output.begin());
    for (int t = 0; t < rows; ++t)
      finalScales[t] = rmsNorm(&stream[at(t)], weights + layout.outputNorm, config.hidden, config.normEpsilon,
                               &finalOperands[at(t)]);
  }

  void attentionForward(int l, const PackedLayer& packed, const float* weights, const MicroBatch& batch) {
    Layer& layer = *layers[l];
    const LayerOffsets& offsets = layout.layers[l];
    const int hidden = config.hidden, qkvWidth = config.qkvWidth();
    std::copy_n(stream.begin(), at(rows), layer.input.begin());
    for (int t = 0; t < rows; ++t)
      layer.inputScales[t] = rmsNorm(&stream[at(t)], weights + offsets.attentionNorm, hidden,
                                     config.normEpsilon, &layer.normalized[at(t)]);
    gemm(false, rows, qkvWidth, hidden / 2, byRows(layer.normalized.data(), hidden), packed.qkv(),
         layer.qkv.data(), qkvWidth);
    for (int t = 0; t < rows; ++t) {
      const float* row = &layer.qkv[static_cast<size_t>(t) * qkvWidth];
      for (int head = 0; head < config.heads + config.kvHeads; ++head) {
        const bool query = head < config.heads;
        float turned[64];
        layer.headScales[t * (config.heads + config.kvHeads) + head] =
            rmsNorm(row + head * config.headDim, weights + (query ? offsets.queryNorm : offsets.keyNorm),
                    config.headDim, config.normEpsilon, turned);
        rotary.turn(turned, positions[t], 1.0f);
        Operand* to = query ? &layer.q[static_cast<size_t>(t) * config.queryWidth() + head * config.headDim]
                            : &layer.k[static_cast<size_t>(t) * config.keyWidth() +
                                       (head - config.heads) * config.headDim];
        toOperands(turned, to, config.headDim);
      }
      toOperands(row + config.queryWidth() + config.keyWidth(),
                 &layer.v[static_cast<size_t>(t) * config.keyWidth()], config.keyWidth());
    }
    attention.forward(batch.documents, layer.q.data(), layer.k.data(), layer.v.data(), layer.attended.data(),
                      layer.logSums.data());
    gemm(true, rows, hidden, config.queryWidth() / 2, byRows(layer.attended.data(), config.queryWidth()),
         packed.output(), stream.data(), hidden);
  }

  void expertsForward(int l, const PackedLayer& packed, const float* weights) {
    Layer& layer = *layers[l];
    const int hidden = config.hidden, chosen = config.expertsPerToken;
    std::copy_n(stream.begin(), at(rows), layer.middle.begin());
    for (int t = 0; t < rows; ++t) {
      layer.middleScales[t] = rmsNorm(&stream[at(t)], weights + layout.layers[l].expertNorm, hidden,
                                      config.normEpsilon, &normalized[at(t)]);
      toOperands(&normalized[at(t)], &layer.expertInput[at(t)], hidden);
    }
    Routing& routing = layer.routing;
    layer.router.probabilities(normalized.data(), rows, routing.probabilities.data(), routing.logSums.data());
    routing.picks.resize(static_cast<size_t>(rows) * chosen);
    for (int t = 0; t < rows; ++t)
      layer.router.pick(&routing.probabilities[static_cast<size_t>(t) * config.experts],
                        &routing.picks[t * chosen], &routing.shares[t * chosen]);
    routing.group(config.experts);
    experts.forward(packed, layer.expertInput.data(), routing, stream.data());
  }

  // `stream` holds the gradient after the layer, and then the one before its experts.
  void expertsBackward(int l, const PackedLayer& packed, const float* weights, const BatchScale& scale,
                       float* gradients) {
    Layer& layer = *layers[l];
    const LayerOffsets& offsets = layout.layers[l];
    const Routing& routing = layer.routing;
    const int hidden = config.hidden, count = config.experts, chosen = config.expertsPerToken;
    toOperands(stream.data(), operands.data(), at(rows));
    std::fill_n(inner.begin(), at(rows), 0.0f);
    experts.backward(layout, l, packed, layer.expertInput.data(), operands.data(), routing, inner.data(),
                     shareGradients.data(), gradients);

    for (int t = 0; t < rows; ++t)
      layer.router.gradient(&routing.probabilities[static_cast<size_t>(t) * count], routing.logSums[t],
                            &routing.picks[t * chosen], &routing.shares[t * chosen],
                            &shareGradients[t * chosen], scale.frequencies + l * count, scale.router,
                            scale.tokens, &routerLogits[static_cast<size_t>(t) * count]);
    toOperands(routerLogits.data(), routerGradients.data(), static_cast<size_t>(rows) * count);
    gemm(true, rows, hidden, count / 2, byRows(routerGradients.data(), count), packed.routerBack(),
         inner.data(), hidden);
    interleave(routerGradients.data(), count, rows, count, pairs.data());
    panelsByRows(layer.expertInput.data(), hidden, rows, hidden, panels.data());
    gemm(true, count, hidden, pairsOf(rows), byColumns(pairs.data(), count), panels.data(),
         gradients + offsets.router, hidden);

    for (int t = 0; t < rows; ++t)
      rmsNormBackward(&inner[at(t)], &layer.middle[at(t)], weights + offsets.expertNorm,
                      layer.middleScales[t], hidden, &stream[at(t)], gradients + offsets.expertNorm);
  }

  void attentionBackward(int l, const PackedLayer& packed, const float* weights, const MicroBatch& batch,
                         float* gradients) {
    Layer& layer = *layers[l];
    const LayerOffsets& offsets = layout.layers[l];
    const int hidden = config.hidden, queryWidth = config.queryWidth(), keyWidth = config.keyWidth(),
              qkvWidth = config.qkvWidth();
    // The output projection: its gradient, then that of what attention gave.
    toOperands(stream.data(), operands.data(), at(rows));
    interleave(operands.data(), hidden, rows, hidden, pairs.data());
    panelsByRows(layer.attended.data(), queryWidth, rows, queryWidth, panels.data());
    gemm(true, hidden, queryWidth, pairsOf(rows), byColumns(pairs.data(), hidden), panels.data(),
         gradients + offsets.attentionOutput, queryWidth);
    gemm(false, rows, queryWidth, hidden / 2, byRows(operands.data(), hidden), packed.outputBack(),
         inner.data(), queryWidth);
    toOperands(inner.data(), operands.data(), static_cast<size_t>(rows) * queryWidth);

    std::fill_n(dk.begin(), static_cast<size_t>(rows) * keyWidth, 0.0f);
    std::fill_n(dv.begin(), static_cast<size_t>(rows) * keyWidth, 0.0f);
    attention.backward(batch.documents, layer.q.data(), layer.k.data(), layer.v.data(), layer.attended.data(),
                       layer.logSums.data(), operands.data(), dq.data(), dk.data(), dv.data());
    for (int t = 0; t < rows; ++t) {
      Operand* out = &operands[static_cast<size_t>(t) * qkvWidth];
      for (int head = 0; head < config.heads + config.kvHeads; ++head) {
        const bool query = head < config.heads;
        float* turned = query
                            ? &dq[static_cast<size_t>(t) * queryWidth + head * config.headDim]
                            : &dk[static_cast<size_t>(t) * keyWidth + (head - config.heads) * config.headDim];
        rotary.turn(turned, positions[t], -1.0f);
        float back[64] = {};
        const size_t gain = query ? offsets.queryNorm : offsets.keyNorm;
        rmsNormBackward(turned, &layer.qkv[static_cast<size_t>(t) * qkvWidth + head * config.headDim],
                        weights + gain, layer.headScales[t * (config.heads + config.kvHeads) + head],
                        config.headDim, back, gradients + gain);
        toOperands(back, out + head * config.headDim, config.headDim);
      }
      toOperands(&dv[static_cast<size_t>(t) * keyWidth], out + queryWidth + keyWidth, keyWidth);
    }
    interleave(operands.data(), qkvWidth, rows, qkvWidth, pairs.data());
    panelsByRows(layer.normalized.data(), hidden, rows, hidden, panels.data());
    gemm(true, qkvWidth, hidden, pairsOf(rows), byColumns(pairs.data(), qkvWidth), panels.data(),
         gradients + offsets.qkv, hidden);
    gemm(false, rows, hidden, qkvWidth / 2, byRows(operands.data(), qkvWidth), packed.qkvBack(), inner.data(),
         hidden);
    for (int t = 0; t < rows; ++t)
      rmsNormBackward(&inner[at(t)], &layer.input[at(t)], weights + offsets.attentionNorm,
                      layer.inputScales[t], hidden, &stream[at(t)], gradients + offsets.attentionNorm);
  }
};
