// `--name value` on the command line.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>

class Options {
 public:
  Options(int count, char** words) {
    for (int i = 1; i < count; ++i) {
      const std::string word = words[i];
      if (word.rfind("--", 0) != 0 || i + 1 == count)
        throw std::invalid_argument("Options go by `--name value`; this does not: " + word);
      given[word.substr(2)] = words[++i];
    }
  }

  std::string text(const std::string& name, const std::string& otherwise = "") {
    known.insert(name);
    const auto found = given.find(name);
    return found == given.end() ? otherwise : found->second;
  }

  std::string required(const std::string& name) {
    const std::string value = text(name);
    if (value.empty()) throw std::invalid_argument("--" + name + " is missing.");
    return value;
  }

  double number(const std::string& name, double otherwise) {
    const std::string value = text(name);
    if (value.empty()) return otherwise;
    size_t used = 0;
    const double number = std::stod(value, &used);
    if (used != value.size()) throw std::invalid_argument("--" + name + " is not a number: " + value);
    return number;
  }

  int integer(const std::string& name, int otherwise) { return static_cast<int>(number(name, otherwise)); }

  // After all options were asked for: an option that nobody knows is a mistake.
  void done() const {
    for (const auto& [name, value] : given)
      if (!known.count(name)) throw std::invalid_argument("--" + name + " is not an option.");
  }

 private:
  std::map<std::string, std::string> given;
  std::set<std::string> known;
};
