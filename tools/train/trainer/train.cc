// Trains a model from `--data` (see prepare) and writes checkpoints and a log to `--out`; goes on from the
// checkpoint that is there. README.md explains the options.
#include "trainer.h"

#include <csignal>

namespace {
volatile std::sig_atomic_t stopRequested = 0;
void requestStop(int) { stopRequested = 1; }
}  // namespace

int main(int count, char** words) {
  std::signal(SIGTERM, requestStop);
  std::signal(SIGINT, requestStop);
  try {
    Options options(count, words);
    Trainer trainer{Settings(options)};
    trainer.run([] { return stopRequested != 0; });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
