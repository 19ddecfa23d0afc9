// What a run is told on its command line, and how fast it learns when.
#pragma once

#include "checkpoint.h"
#include "options.h"

struct Schedule {
  double minutes, steps;  // whichever is given; a run by steps is the same every time
  double warmup, decay;   // shares of the run

  double progress(const RunState& state) const {
    return std::min(1.0,
                    steps > 0 ? static_cast<double>(state.step) / steps : state.seconds / (60 * minutes));
  }
  // Rises, stays, and falls in a line to zero.
  double rate(double progress) const {
    if (progress < warmup) return std::max(progress / warmup, 0.01);
    return std::min(1.0, (1.0 - progress) / decay);
  }
};

struct Settings {
  std::string data, out, optimizer;
  Config config;
  uint64_t seed;
  int workers, capacity, microBatches;
  Schedule schedule;
  Rates peak;
  double balance, saveSeconds;
  int stopAfterSteps, logSteps, heldOutSteps;
  size_t heldOutTokens;

  explicit Settings(Options& options) {
    data = options.required("data");
    out = options.required("out");
    config.layers = options.integer("layers", config.layers);
    config.hidden = options.integer("hidden", config.hidden);
    config.heads = options.integer("heads", config.heads);
    config.kvHeads = options.integer("kv-heads", config.kvHeads);
    config.headDim = options.integer("head-dim", config.headDim);
    config.experts = options.integer("experts", config.experts);
    config.expertsPerToken = options.integer("experts-per-token", config.expertsPerToken);
    config.expertHidden = options.integer("expert-hidden", config.expertHidden);
    config.vocab = options.integer("vocab", config.vocab);
    config.context = options.integer("context", config.context);
    seed = static_cast<uint64_t>(options.number("seed", 1));
    workers = options.integer("threads", 2);
    capacity = options.integer("micro-tokens", 4096);
    const int batchTokens = options.integer("batch-tokens", 16384);
    schedule = {options.number("minutes", 0), options.number("steps", 0), options.number("warmup", 0.02),
                options.number("decay", 0.6)};
    balance = options.number("balance", 0.015);
    saveSeconds = 60 * options.number("save-minutes", 5);
    stopAfterSteps = options.integer("stop-after-steps", 0);
    logSteps = options.integer("log-steps", 10);
    heldOutSteps = options.integer("held-out-steps", 500);
    heldOutTokens = static_cast<size_t>(options.number("held-out-tokens", 8192));
    peak.muon = static_cast<float>(options.number("muon-rate", peak.muon));
    peak.adam = static_cast<float>(options.number("adam-rate", peak.adam));
    peak.router = static_cast<float>(options.number("router-rate", peak.router));
    peak.muonDecay = static_cast<float>(options.number("muon-decay", peak.muonDecay));
    peak.adamDecay = static_cast<float>(options.number("adam-decay", peak.adamDecay));
    optimizer = options.text("optimizer", "muon");
    options.done();

    if (optimizer != "muon" && optimizer != "adamw")
      throw std::invalid_argument("--optimizer is muon or adamw.");
    if ((schedule.minutes > 0) == (schedule.steps > 0))
      throw std::invalid_argument("Give the length of the run by --minutes or by --steps.");
    if (capacity < config.context)
      throw std::invalid_argument("--micro-tokens must hold a document of --context tokens.");
    if (logSteps < 1) throw std::invalid_argument("--log-steps must be at least 1.");
    microBatches = batchTokens / capacity;
    if (workers < 1 || workers > microBatches)
      throw std::invalid_argument("--batch-tokens must give every thread a micro batch of --micro-tokens.");
  }
};
