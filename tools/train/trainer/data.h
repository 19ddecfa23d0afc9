// Documents of several domains, dealt out in proportions that may change, in an order that a few numbers
// describe.
#pragma once

#include "network.h"

#include <fstream>
#include <numeric>
#include <sstream>

// A domain's documents: token ids, one after the other, and where each ends.
struct Documents {
  std::vector<uint16_t> tokens;
  std::vector<uint32_t> ends;

  size_t count() const { return ends.size(); }
  uint32_t begin(size_t document) const { return document == 0 ? 0 : ends[document - 1]; }
  uint32_t length(size_t document) const { return ends[document] - begin(document); }
};

template <class T>
std::vector<T> readArray(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error(path + " cannot be read.");
  std::vector<T> values(static_cast<size_t>(file.tellg()) / sizeof(T));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  return values;
}

// `<name>.tokens` (16 bits each) and `<name>.ends` (32 bits each), little-endian. Every document has at least
// two tokens and at most `context`.
inline Documents readDocuments(const std::string& path, const Config& config) {
  Documents documents{readArray<uint16_t>(path + ".tokens"), readArray<uint32_t>(path + ".ends")};
  if (documents.count() == 0 || documents.ends.back() != documents.tokens.size())
    throw std::runtime_error(path + ": tokens and ends do not fit.");
  for (uint16_t token : documents.tokens)
    if (token >= config.vocab) throw std::runtime_error(path + ": a token is outside the vocabulary.");
  for (size_t d = 0; d < documents.count(); ++d) {
    const uint32_t begin = documents.begin(d);
    if (documents.ends[d] < begin + 2 || documents.ends[d] > begin + config.context)
      throw std::runtime_error(path + ": a document is too short or too long.");
  }
  return documents;
}

inline void append(const Documents& documents, size_t document, MicroBatch& batch) {
  const uint32_t from = documents.begin(document), to = documents.ends[document];
  const int begin = static_cast<int>(batch.tokens.size());
  for (uint32_t i = from; i < to; ++i) {
    batch.tokens.push_back(documents.tokens[i]);
    batch.targets.push_back(i + 1 < to ? documents.tokens[i + 1] : NO_TARGET);
  }
  batch.documents.push_back({begin, static_cast<int>(batch.tokens.size())});
}

// A line of mixture.txt: `name share-at-first share-at-last`; between the two the share changes evenly.
struct Domain {
  std::string name;
  double firstShare, lastShare;
  double share(double progress) const { return firstShare + progress * (lastShare - firstShare); }
  Documents documents;
};

inline std::vector<Domain> readDomains(const std::string& folder, const Config& config) {
  std::ifstream file(folder + "/mixture.txt");
  if (!file) throw std::runtime_error(folder + "/mixture.txt cannot be read: run prepare first.");
  std::vector<Domain> domains;
  double first = 0, last = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Domain domain;
    if (!(words >> domain.name >> domain.firstShare >> domain.lastShare)) continue;
    domain.documents = readDocuments(folder + "/" + domain.name, config);
    first += domain.firstShare;
    last += domain.lastShare;
    domains.push_back(std::move(domain));
  }
  for (Domain& domain : domains) {
    domain.firstShare /= first;
    domain.lastShare /= last;
  }
  return domains;
}

// Which document comes next. Each domain goes through its documents in an order shuffled anew for every pass;
// the domain that is furthest behind its share is next. The whole state is saved in checkpoints.
class Feed {
 public:
  struct Position {
    uint64_t pass = 0, next = 0, tokens = 0;
    double credit = 0;
  };
  std::vector<Position> positions;

  Feed(const std::vector<Domain>& all, uint64_t shuffleSeed)
      : positions(all.size()),
        domains(all),
        seed(shuffleSeed),
        orders(all.size()),
        orderPass(all.size(), ~uint64_t(0)) {}

  // Whole documents, as many as fit `capacity` tokens, in the proportions of this point of the run.
  MicroBatch next(int capacity, double progress) {
    MicroBatch batch;
    for (;;) {
      size_t chosen = 0;
      for (size_t d = 1; d < domains.size(); ++d)
        if (positions[d].credit > positions[chosen].credit) chosen = d;
      const Documents& documents = domains[chosen].documents;
      Position& position = positions[chosen];
      const size_t document = orderOf(chosen)[position.next];
      const uint32_t length = documents.length(document);
      if (batch.tokens.size() + length > static_cast<size_t>(capacity)) return batch;
      append(documents, document, batch);
      for (size_t d = 0; d < domains.size(); ++d) positions[d].credit += length * domains[d].share(progress);
      position.credit -= length;
      position.tokens += length;
      if (++position.next == documents.count()) {
        position.next = 0;
        ++position.pass;
      }
    }
  }

 private:
  const std::vector<Domain>& domains;
  const uint64_t seed;
  std::vector<std::vector<uint32_t>> orders;
  std::vector<uint64_t> orderPass;

  const std::vector<uint32_t>& orderOf(size_t domain) {
    const uint64_t pass = positions[domain].pass;
    std::vector<uint32_t>& order = orders[domain];
    if (orderPass[domain] != pass) {
      orderPass[domain] = pass;
      order.resize(domains[domain].documents.count());
      std::iota(order.begin(), order.end(), 0u);
      std::mt19937_64 random(seed * 1000003 + domain * 10007 + pass);
      for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    }
    return order;
  }
};
