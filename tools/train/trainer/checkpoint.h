// A checkpoint: lines of `key value`, an empty line, then the weights and the optimizer's moments as floats.
// With it a run goes on as if it had not stopped.
#pragma once

#include "data.h"
#include "optimizer.h"

#include <cstdio>
#include <map>

struct RunState {
  int64_t step = 0;
  uint64_t tokens = 0;
  double seconds = 0;
  std::vector<float> frequencies;  // [layers][experts], running mean of each expert's share
};

// What a checkpoint must agree on with the run that goes on from it.
struct RunIdentity {
  Config config;
  std::string optimizer;
  uint64_t seed;
};

namespace checkpoint_detail {

inline std::vector<std::pair<const char*, int Config::*>> shapeKeys() {
  return {{"layers", &Config::layers},
          {"hidden", &Config::hidden},
          {"heads", &Config::heads},
          {"kvHeads", &Config::kvHeads},
          {"headDim", &Config::headDim},
          {"experts", &Config::experts},
          {"expertsPerToken", &Config::expertsPerToken},
          {"expertHidden", &Config::expertHidden},
          {"vocab", &Config::vocab},
          {"context", &Config::context}};
}

// Exact: as hexadecimal floating point.
inline std::string exact(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

}  // namespace checkpoint_detail

inline std::map<std::string, std::string> readHeader(std::istream& file) {
  std::map<std::string, std::string> header;
  for (std::string line; std::getline(file, line) && !line.empty();) {
    const size_t space = line.find(' ');
    if (space == std::string::npos)
      throw std::runtime_error("A checkpoint's header has a line without a value.");
    header[line.substr(0, space)] = line.substr(space + 1);
  }
  return header;
}

inline Config configOf(const std::map<std::string, std::string>& header) {
  Config config;
  for (const auto& [key, member] : checkpoint_detail::shapeKeys()) config.*member = std::stoi(header.at(key));
  config.ropeBase = std::stof(header.at("ropeBase"));
  config.normEpsilon = std::stof(header.at("normEpsilon"));
  return config;
}

inline void writeHeader(std::ostream& file, const Config& config) {
  for (const auto& [key, member] : checkpoint_detail::shapeKeys())
    file << key << ' ' << config.*member << '\n';
  file << "ropeBase " << config.ropeBase << "\nnormEpsilon " << config.normEpsilon << '\n';
}

inline void writeHeader(std::ostream& file, const RunIdentity& identity) {
  writeHeader(file, identity.config);
  file << "optimizer " << identity.optimizer << "\nseed " << identity.seed << '\n';
}

inline void writeFloats(std::ostream& file, const Array<float>& values) {
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
}

inline void readFloats(std::istream& file, Array<float>& values) {
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  if (!file) throw std::runtime_error("A checkpoint ends too early.");
}

// Replaces the file only when it is whole.
inline void saveCheckpoint(const std::string& path, const RunIdentity& identity, const RunState& state,
                           const std::vector<Domain>& domains, const Feed& feed, const Array<float>& weights,
                           const Optimizer& optimizer) {
  using checkpoint_detail::exact;
  const std::string part = path + ".part";
  {
    std::ofstream file(part, std::ios::binary);
    writeHeader(file, identity);
    file << "step " << state.step << "\ntokens " << state.tokens << "\nseconds " << exact(state.seconds)
         << "\nfrequencies";
    for (float frequency : state.frequencies) file << ' ' << exact(frequency);
    file << '\n';
    for (size_t d = 0; d < domains.size(); ++d) {
      const Feed::Position& at = feed.positions[d];
      file << "domain." << domains[d].name << ' ' << at.pass << ' ' << at.next << ' ' << at.tokens << ' '
           << exact(at.credit) << '\n';
    }
    file << '\n';
    writeFloats(file, weights);
    writeFloats(file, optimizer.first);
    writeFloats(file, optimizer.second);
    if (!file.flush()) throw std::runtime_error(part + " cannot be written.");
  }
  if (std::rename(part.c_str(), path.c_str()) != 0) throw std::runtime_error(path + " cannot be replaced.");
}

inline void loadCheckpoint(std::istream& file, const std::string& path, const RunIdentity& identity,
                           RunState& state, const std::vector<Domain>& domains, Feed& feed,
                           Array<float>& weights, Optimizer& optimizer) {
  const auto header = readHeader(file);
  std::ostringstream expected;
  writeHeader(expected, identity);
  std::istringstream lines(expected.str());
  for (const auto& [key, value] : readHeader(lines))
    if (header.count(key) == 0 || header.at(key) != value)
      throw std::runtime_error(path + " is of another run: its " + key + " is not " + value + ".");
  state.step = std::stoll(header.at("step"));
  state.tokens = std::stoull(header.at("tokens"));
  state.seconds = std::stod(header.at("seconds"));
  std::istringstream frequencies(header.at("frequencies"));
  std::string word;
  for (float& frequency : state.frequencies) {
    if (!(frequencies >> word)) throw std::runtime_error("A checkpoint lacks expert frequencies.");
    frequency = std::stof(word);
  }
  for (size_t d = 0; d < domains.size(); ++d) {
    const auto found = header.find("domain." + domains[d].name);
    if (found == header.end()) continue;  // a domain that joins later begins at its beginning
    std::istringstream words(found->second);
    Feed::Position& at = feed.positions[d];
    words >> at.pass >> at.next >> at.tokens >> word;
    at.credit = std::stod(word);
    if (at.next >= domains[d].documents.count())
      throw std::runtime_error("The checkpoint is of other documents: " + domains[d].name + ".");
  }
  readFloats(file, weights);
  readFloats(file, optimizer.first);
  readFloats(file, optimizer.second);
}
