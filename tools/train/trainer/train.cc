// Trains a model from `--data` (see prepare) and writes checkpoints and a log to `--out`; goes on from the checkpoint
// that is there. README.md explains the options.
#include "checkpoint.h"
#include "options.h"

#include <chrono>
#include <csignal>
#include <ctime>
#include <thread>

namespace {

volatile std::sig_atomic_t stopRequested = 0;
void requestStop(int) { stopRequested = 1; }

// Processor seconds of all threads: what a step costs, whatever else the machine does.
double processorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Runs `job(worker)` on every worker and waits for all.
template <class Job>
void onAll(int workers, const Job& job) {
  std::vector<std::thread> threads;
  for (int w = 1; w < workers; ++w) threads.emplace_back([&job, w] { job(w); });
  job(0);
  for (std::thread& thread : threads) thread.join();
}

struct Schedule {
  double minutes, steps;  // whichever is given; a run by steps is the same every time
  double warmup, decay;   // shares of the run

  double progress(const RunState& state) const {
    return std::min(1.0, steps > 0 ? static_cast<double>(state.step) / steps : state.seconds / (60 * minutes));
  }
  // Rises, stays, and falls in a line to zero.
  double rate(double progress) const {
    if (progress < warmup) return std::max(progress / warmup, 0.01);
    return std::min(1.0, (1.0 - progress) / decay);
  }
  bool decaying(double progress) const { return progress > 1.0 - decay; }
};

struct HeldOut {
  std::string name;
  std::vector<MicroBatch> batches;
};

// The first documents of each domain, up to `tokens`.
std::vector<HeldOut> readHeldOut(const std::string& folder, const std::vector<Domain>& domains, const Config& config, int capacity, size_t tokens) {
  std::vector<HeldOut> all;
  for (const Domain& domain : domains) {
    const std::string path = folder + "/heldout/" + domain.name;
    if (!std::ifstream(path + ".tokens")) continue;
    const Documents documents = readDocuments(path, config);
    HeldOut set{domain.name, std::vector<MicroBatch>(1)};
    for (size_t d = 0; d < documents.count() && documents.begin(d) < tokens; ++d) {
      if (set.batches.back().tokens.size() + documents.length(d) > static_cast<size_t>(capacity)) set.batches.emplace_back();
      append(documents, d, set.batches.back());
    }
    all.push_back(std::move(set));
  }
  return all;
}

size_t targetCount(const MicroBatch& batch) { return batch.tokens.size() - batch.documents.size(); }

void run(Options& options) {
  const std::string dataFolder = options.required("data"), outFolder = options.required("out");
  const std::string checkpointPath = outFolder + "/checkpoint.bin";
  Config config;
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
  const uint64_t seed = static_cast<uint64_t>(options.number("seed", 1));
  const int workers = options.integer("threads", 2), capacity = options.integer("micro-tokens", 4096);
  const int microBatches = std::max(1, options.integer("batch-tokens", 16384) / capacity);
  const Schedule schedule = {options.number("minutes", 0), options.number("steps", 0), options.number("warmup", 0.02), options.number("decay", 0.6)};
  const double balance = options.number("balance", 0.01), saveSeconds = 60 * options.number("save-minutes", 5);
  const double stopAfter = options.number("stop-after-steps", 0);
  const size_t heldOutTokens = static_cast<size_t>(options.number("held-out-tokens", 8192));
  const int logEvery = options.integer("log-steps", 10), heldOutEvery = options.integer("held-out-steps", 500);
  Rates peak;
  peak.muon = static_cast<float>(options.number("muon-rate", peak.muon));
  peak.adam = static_cast<float>(options.number("adam-rate", peak.adam));
  peak.router = static_cast<float>(options.number("router-rate", peak.router));
  peak.muonDecay = static_cast<float>(options.number("muon-decay", peak.muonDecay));
  peak.adamDecay = static_cast<float>(options.number("adam-decay", 0.1));
  const std::string optimizerName = options.text("optimizer", "muon");
  if (optimizerName != "muon" && optimizerName != "adamw") throw std::invalid_argument("--optimizer is muon or adamw.");
  peak.matricesByAdam = optimizerName == "adamw";
  options.done();
  if ((schedule.minutes > 0) == (schedule.steps > 0)) throw std::invalid_argument("Give the length of the run by --minutes or by --steps.");
  if (capacity < config.context) throw std::invalid_argument("--micro-tokens must hold a document of --context tokens.");
  if (workers < 1 || workers > microBatches) throw std::invalid_argument("--batch-tokens must give every thread a micro batch.");

  const Layout layout(config);
  const std::vector<Domain> domains = readDomains(dataFolder, config);
  Feed feed(domains, seed);
  Optimizer optimizer(layout, workers, peak.matricesByAdam);
  Array<float> weights;
  RunState state;
  state.frequencies.assign(static_cast<size_t>(config.layers) * config.experts, 1.0f / static_cast<float>(config.experts));
  initialize(layout, seed, weights);
  if (std::ifstream file{checkpointPath, std::ios::binary}) {
    const auto header = readHeader(file);
    if (Layout(configOf(header)).size != layout.size) throw std::runtime_error(checkpointPath + " is of a model of another shape.");
    loadCheckpoint(file, header, state, domains, feed, weights, optimizer);
  }
  const std::vector<HeldOut> heldOut = readHeldOut(dataFolder, domains, config, capacity, heldOutTokens);

  std::ofstream log(outFolder + "/log.jsonl", std::ios::app);
  if (!log) throw std::runtime_error(outFolder + " cannot be written to.");
  const auto say = [&](const std::string& line) {
    log << line << std::endl;
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  };
  const auto text = [](const char* format, auto... values) {
    char line[512];
    std::snprintf(line, sizeof line, format, values...);
    return std::string(line);
  };
  say(text("{\"event\":\"start\",\"parameters\":%zu,\"step\":%lld,\"optimizer\":\"%s\",\"threads\":%d,\"muonRate\":%g,\"adamRate\":%g,\"routerRate\":%g,\"balance\":%g,\"seed\":%llu}", layout.size,
           static_cast<long long>(state.step), optimizerName.c_str(), workers, peak.muon, peak.adam, peak.router, balance, static_cast<unsigned long long>(seed)));

  PackedWeights packed(config);
  std::vector<std::unique_ptr<Network>> networks;
  std::vector<Array<float>> gradients(workers);
  std::vector<float*> gradientPointers;
  for (int w = 0; w < workers; ++w) {
    networks.push_back(std::make_unique<Network>(layout, capacity));
    gradients[w].assign(layout.size, 0.0f);
    gradientPointers.push_back(gradients[w].data());
  }
  const auto pack = [&] {
    onAll(workers, [&](int w) {
      packed.pack(layout, weights.data(), w, workers);
      networks[w]->loadRouters(weights.data());
    });
  };
  const auto save = [&] { saveCheckpoint(checkpointPath, config, state, domains, feed, weights, optimizer); };
  const auto evaluate = [&] {
    std::vector<double> losses(heldOut.size()), targets(heldOut.size());
    onAll(workers, [&](int w) {
      for (size_t s = w; s < heldOut.size(); s += workers)
        for (const MicroBatch& batch : heldOut[s].batches) {
          losses[s] += networks[w]->forward(packed, weights.data(), batch, nullptr);
          targets[s] += static_cast<double>(targetCount(batch));
        }
    });
    std::string line = text("{\"event\":\"held-out\",\"step\":%lld,\"tokens\":%llu", static_cast<long long>(state.step), static_cast<unsigned long long>(state.tokens));
    for (size_t s = 0; s < heldOut.size(); ++s) line += text(",\"%s\":%.4f", heldOut[s].name.c_str(), losses[s] / targets[s]);
    say(line + "}");
  };

  double lastSave = now(), loggedLoss = 0, loggedTargets = 0, loggedSeconds = 0, loggedTokens = 0;
  double stepBegan = now(), processorBegan = processorSeconds();
  for (int64_t stepsHere = 0; !stopRequested && schedule.progress(state) < 1.0 && !(stopAfter > 0 && stepsHere >= stopAfter); ++stepsHere) {
    const double progress = schedule.progress(state), factor = schedule.rate(progress);
    std::vector<MicroBatch> batches;
    BatchScale scale;
    scale.tokens = scale.targets = 0;
    for (int b = 0; b < microBatches; ++b) {
      batches.push_back(feed.next(capacity, schedule.decaying(progress)));
      scale.tokens += static_cast<float>(batches.back().tokens.size());
      scale.targets += static_cast<float>(targetCount(batches.back()));
    }
    scale.frequencies = state.frequencies.data();
    // Strong until experts exist apart from each other; afterwards weak enough to let domains have their own.
    scale.router.balance = static_cast<float>(balance * (progress < 0.05 ? 10.0 - 180.0 * progress : 1.0));

    pack();
    std::vector<double> losses(workers);
    std::vector<std::vector<double>> loads(workers, std::vector<double>(state.frequencies.size()));
    onAll(workers, [&](int w) {
      for (int b = w; b < microBatches; b += workers) {
        losses[w] += networks[w]->train(packed, weights.data(), batches[b], scale, gradients[w].data());
        for (int l = 0; l < config.layers; ++l)
          for (int e = 0; e < config.experts; ++e) loads[w][l * config.experts + e] += networks[w]->routing(l).rowsOf(e);
      }
    });
    const double loss = std::accumulate(losses.begin(), losses.end(), 0.0);
    if (!std::isfinite(loss)) throw std::runtime_error("The loss is not finite: resume from the last checkpoint with lower rates.");
    onAll(workers, [&](int w) { optimizer.sum(w, gradientPointers); });
    const double norm = optimizer.gradientNorm();
    Rates rates = peak;
    rates.muon *= static_cast<float>(factor);
    rates.adam *= static_cast<float>(factor);
    rates.router *= static_cast<float>(factor);
    ++state.step;
    onAll(workers, [&](int w) { optimizer.update(w, state.step, rates, norm, gradients[0].data(), weights.data()); });

    double heaviest = 0, lightest = 1e9;
    for (size_t i = 0; i < state.frequencies.size(); ++i) {
      double load = 0;
      for (int w = 0; w < workers; ++w) load += loads[w][i];
      const double share = load / (scale.tokens * static_cast<float>(config.expertsPerToken));
      state.frequencies[i] = static_cast<float>(0.9 * state.frequencies[i] + 0.1 * share);
      heaviest = std::max(heaviest, state.frequencies[i] * static_cast<double>(config.experts));
      lightest = std::min(lightest, state.frequencies[i] * static_cast<double>(config.experts));
    }
    state.tokens += static_cast<uint64_t>(scale.tokens);
    const double seconds = now() - stepBegan;
    stepBegan += seconds;
    state.seconds += seconds;
    loggedLoss += loss;
    loggedTargets += scale.targets;
    loggedSeconds += seconds;
    loggedTokens += scale.tokens;
    if (state.step % logEvery == 0) {
      say(text("{\"step\":%lld,\"tokens\":%llu,\"seconds\":%.1f,\"progress\":%.4f,\"rate\":%.4f,\"loss\":%.4f,\"gradientNorm\":%.3f,\"heaviest\":%.2f,\"lightest\":%.2f,\"tokensPerSecond\":%.0f,\"tokensPerProcessorSecond\":%.0f}",
               static_cast<long long>(state.step), static_cast<unsigned long long>(state.tokens), state.seconds, progress, factor, loggedLoss / loggedTargets, norm, heaviest, lightest,
               loggedTokens / loggedSeconds, loggedTokens / (processorSeconds() - processorBegan)));
      processorBegan = processorSeconds();
      loggedLoss = loggedTargets = loggedSeconds = loggedTokens = 0;
    }
    if (heldOutEvery > 0 && state.step % heldOutEvery == 0) {
      pack();
      evaluate();
    }
    if (now() - lastSave > saveSeconds) {
      save();
      lastSave = now();
    }
  }
  save();
  pack();
  evaluate();
  say(text("{\"event\":\"%s\",\"step\":%lld,\"tokens\":%llu,\"seconds\":%.1f}", schedule.progress(state) < 1.0 ? "stopped" : "finished", static_cast<long long>(state.step),
           static_cast<unsigned long long>(state.tokens), state.seconds));
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGTERM, requestStop);
  std::signal(SIGINT, requestStop);
  try {
    Options options(count, words);
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
