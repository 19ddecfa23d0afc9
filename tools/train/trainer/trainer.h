// A run: batches, gradients, steps, log and checkpoints.
#pragma once

#include "settings.h"

#include <chrono>
#include <cstdarg>
#include <ctime>
#include <thread>

// Runs `job(worker)` on every worker and waits for all.
template <class Job>
void onAll(int workers, const Job& job) {
  std::vector<std::thread> threads;
  for (int w = 1; w < workers; ++w) threads.emplace_back([&job, w] { job(w); });
  job(0);
  for (std::thread& thread : threads) thread.join();
}

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of all threads: what a step costs, whatever else the machine does.
inline double processorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

inline size_t targetCount(const MicroBatch& batch) { return batch.tokens.size() - batch.documents.size(); }

struct HeldOut {
  std::string name;
  std::vector<MicroBatch> batches;
};

// The first documents of each domain, up to `tokens`.
inline std::vector<HeldOut> readHeldOut(const Settings& settings, const std::vector<Domain>& domains) {
  std::vector<HeldOut> all;
  for (const Domain& domain : domains) {
    const std::string path = settings.data + "/heldout/" + domain.name;
    if (!std::ifstream(path + ".tokens")) continue;
    const Documents documents = readDocuments(path, settings.config);
    HeldOut set{domain.name, std::vector<MicroBatch>(1)};
    for (size_t d = 0; d < documents.count() && documents.begin(d) < settings.heldOutTokens; ++d) {
      if (set.batches.back().tokens.size() + documents.length(d) > static_cast<size_t>(settings.capacity))
        set.batches.emplace_back();
      append(documents, d, set.batches.back());
    }
    all.push_back(std::move(set));
  }
  return all;
}

class Log {
 public:
  explicit Log(const std::string& path) : file(path, std::ios::app) {
    if (!file) throw std::runtime_error(path + " cannot be written to.");
  }
  void line(const std::string& text) {
    file << text << std::endl;
    std::printf("%s\n", text.c_str());
    std::fflush(stdout);
  }

 private:
  std::ofstream file;
};

__attribute__((format(printf, 1, 2))) inline std::string formatted(const char* format, ...) {
  char text[1024];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  return text;
}

class Trainer {
 public:
  explicit Trainer(const Settings& all)
      : settings(all),
        layout(all.config),
        domains(readDomains(all.data, all.config)),
        feed(domains, all.seed),
        optimizer(layout, all.workers, all.optimizer == "adamw"),
        heldOut(readHeldOut(all, domains)),
        log(all.out + "/log.jsonl"),
        packed(all.config),
        gradients(all.workers) {
    const size_t routed = static_cast<size_t>(all.config.layers) * all.config.experts;
    state.frequencies.assign(routed, 1.0f / static_cast<float>(all.config.experts));
    loads.assign(all.workers, std::vector<double>(routed));
    initialize(layout, all.seed, weights);
    for (int w = 0; w < all.workers; ++w) {
      networks.push_back(std::make_unique<Network>(layout, all.capacity));
      gradients[w].assign(layout.size, 0.0f);
      gradientPointers.push_back(gradients[w].data());
    }
    if (std::ifstream file{checkpointPath(), std::ios::binary})
      loadCheckpoint(file, checkpointPath(), identity(), state, domains, feed, weights, optimizer);
    log.line(formatted(
        "{\"event\":\"start\",\"parameters\":%zu,\"step\":%lld,\"optimizer\":\"%s\",\"threads\":%d,"
        "\"muonRate\":%g,\"adamRate\":%g,\"routerRate\":%g,\"muonDecay\":%g,\"balance\":%g,\"seed\":%llu}",
        layout.size, static_cast<long long>(state.step), all.optimizer.c_str(), all.workers, all.peak.muon,
        all.peak.adam, all.peak.router, all.peak.muonDecay, all.balance,
        static_cast<unsigned long long>(all.seed)));
  }

  // Until the run is over or `stop` is true; leaves a checkpoint.
  template <class Stop>
  void run(const Stop& stop) {
    double saved = now();
    sinceLog.seconds = saved;
    sinceLog.processor = processorSeconds();
    double began = saved;
    for (int steps = 0;
         !stop() && !over() && !(settings.stopAfterSteps > 0 && steps >= settings.stopAfterSteps); ++steps) {
      step();
      const double ended = now();
      // Whatever happens between two steps, such as saving, takes from the time of the run.
      state.seconds += ended - began;
      began = ended;
      if (state.step % settings.logSteps == 0) logSteps();
      if (settings.heldOutSteps > 0 && state.step % settings.heldOutSteps == 0) logHeldOut();
      if (now() - saved > settings.saveSeconds) {
        save();
        saved = now();
      }
    }
    save();
    logHeldOut();
    log.line(formatted("{\"event\":\"%s\",\"step\":%lld,\"tokens\":%llu,\"seconds\":%.1f}",
                       over() ? "finished" : "stopped", static_cast<long long>(state.step),
                       static_cast<unsigned long long>(state.tokens), state.seconds));
  }

 private:
  const Settings settings;
  const Layout layout;
  const std::vector<Domain> domains;
  Feed feed;
  Optimizer optimizer;
  const std::vector<HeldOut> heldOut;
  Log log;
  RunState state;
  Array<float> weights;
  PackedWeights packed;
  std::vector<std::unique_ptr<Network>> networks;
  std::vector<Array<float>> gradients;
  std::vector<float*> gradientPointers;
  std::vector<std::vector<double>> loads;  // per worker, of the step at hand: assignments [layers][experts]
  struct {
    double loss = 0, targets = 0, tokens = 0, seconds = 0, processor = 0;
  } sinceLog;
  double lastNorm = 0, lastFactor = 0;

  bool over() const { return settings.schedule.progress(state) >= 1.0; }
  std::string checkpointPath() const { return settings.out + "/checkpoint.bin"; }
  RunIdentity identity() const { return {settings.config, settings.optimizer, settings.seed}; }
  void save() { saveCheckpoint(checkpointPath(), identity(), state, domains, feed, weights, optimizer); }

  void pack() {
    onAll(settings.workers, [&](int w) {
      packed.pack(layout, weights.data(), w, settings.workers);
      networks[w]->loadRouters(weights.data());
    });
  }

  void step() {
    const double progress = settings.schedule.progress(state);
    lastFactor = settings.schedule.rate(progress);
    std::vector<MicroBatch> batches;
    BatchScale scale;
    scale.tokens = scale.targets = 0;
    for (int b = 0; b < settings.microBatches; ++b) {
      batches.push_back(feed.next(settings.capacity, progress));
      scale.tokens += static_cast<float>(batches.back().tokens.size());
      scale.targets += static_cast<float>(targetCount(batches.back()));
    }
    scale.frequencies = state.frequencies.data();
    // Strong until experts exist apart from each other; afterwards weak enough to let domains have their own.
    scale.router.balance = static_cast<float>(settings.balance * std::max(1.0, 10.0 - 180.0 * progress));

    const double loss = backward(batches, scale);
    if (!std::isfinite(loss))
      throw std::runtime_error("The loss is not finite: go on from the last checkpoint with lower rates.");
    onAll(settings.workers, [&](int w) { optimizer.sum(w, gradientPointers); });
    lastNorm = optimizer.gradientNorm();
    const Rates rates = settings.peak.times(static_cast<float>(lastFactor));
    ++state.step;
    onAll(settings.workers, [&](int w) {
      optimizer.update(w, state.step, rates, lastNorm, gradientPointers[0], weights.data());
    });
    countLoads(scale.tokens * static_cast<float>(settings.config.expertsPerToken));
    state.tokens += static_cast<uint64_t>(scale.tokens);
    sinceLog.loss += loss;
    sinceLog.targets += scale.targets;
    sinceLog.tokens += scale.tokens;
  }

  // Adds the batch's gradients to the workers'; which micro batches are whose is fixed.
  double backward(const std::vector<MicroBatch>& batches, const BatchScale& scale) {
    const Config& config = settings.config;
    pack();
    std::vector<double> losses(settings.workers);
    onAll(settings.workers, [&](int w) {
      std::fill(loads[w].begin(), loads[w].end(), 0.0);
      for (size_t b = w; b < batches.size(); b += settings.workers) {
        losses[w] += networks[w]->train(packed, weights.data(), batches[b], scale, gradientPointers[w]);
        for (int l = 0; l < config.layers; ++l)
          for (int e = 0; e < config.experts; ++e)
            loads[w][l * config.experts + e] += networks[w]->routing(l).rowsOf(e);
      }
    });
    return std::accumulate(losses.begin(), losses.end(), 0.0);
  }

  void countLoads(double assignments) {
    for (size_t i = 0; i < state.frequencies.size(); ++i) {
      double load = 0;
      for (const auto& part : loads) load += part[i];
      state.frequencies[i] = static_cast<float>(0.9 * state.frequencies[i] + 0.1 * load / assignments);
    }
  }

  void logSteps() {
    const auto [lightest, heaviest] = std::minmax_element(state.frequencies.begin(), state.frequencies.end());
    const float even = static_cast<float>(settings.config.experts);
    const double seconds = now(), processor = processorSeconds();
    log.line(formatted(
        "{\"step\":%lld,\"tokens\":%llu,\"seconds\":%.1f,\"progress\":%.4f,\"rate\":%.4f,\"loss\":%.4f,"
        "\"gradientNorm\":%.3f,\"lightest\":%.2f,\"heaviest\":%.2f,\"tokensPerSecond\":%.0f,"
        "\"tokensPerProcessorSecond\":%.0f}",
        static_cast<long long>(state.step), static_cast<unsigned long long>(state.tokens), state.seconds,
        settings.schedule.progress(state), lastFactor, sinceLog.loss / sinceLog.targets, lastNorm,
        *lightest * even, *heaviest * even, sinceLog.tokens / (seconds - sinceLog.seconds),
        sinceLog.tokens / (processor - sinceLog.processor)));
    sinceLog = {0, 0, 0, seconds, processor};
  }

  // Nats a token of every domain's held-out documents.
  void logHeldOut() {
    pack();
    std::vector<double> losses(heldOut.size()), targets(heldOut.size());
    onAll(settings.workers, [&](int w) {
      for (size_t s = w; s < heldOut.size(); s += settings.workers)
        for (const MicroBatch& batch : heldOut[s].batches) {
          losses[s] += networks[w]->forward(packed, weights.data(), batch, nullptr);
          targets[s] += static_cast<double>(targetCount(batch));
        }
    });
    std::string line =
        formatted("{\"event\":\"held-out\",\"step\":%lld,\"tokens\":%llu", static_cast<long long>(state.step),
                  static_cast<unsigned long long>(state.tokens));
    for (size_t s = 0; s < heldOut.size(); ++s)
      line += formatted(",\"%s\":%.4f", heldOut[s].name.c_str(), losses[s] / targets[s]);
    log.line(line + "}");
  }
};
