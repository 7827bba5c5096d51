// Serves the highest version of a folder from several threads, as TF Serving's loader does, for a
// given time, and takes over newer versions while requests run.
//
// Usage: load DIRECTORY SECONDS THREADS
// Reads requests with an empty line between them: first `valid` or `invalid`, then one input a line,
//   NAME float|double|int|string RANK SIZES... VALUES...      (strings as hexadecimal bytes)
// Prints one line of names and numbers; a request that is valid has to give what it gave first.
#include <dirent.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "loader.h"
#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/compiler/jit/flags.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/platform/tstring.h"

using tensorflow::Tensor;
using Clock = std::chrono::steady_clock;
using Bundle = tensorflow::SavedModelBundleLite;

struct Request {
  bool valid;
  // By the names of the signature: each version says where it takes them.
  std::vector<std::pair<std::string, Tensor>> inputs;
  std::vector<Tensor> expected;
};

struct Version {
  int number;
  Bundle bundle;
  std::vector<std::string> fetches;
};

template <typename T>
void Read(std::istream& in, Tensor* tensor) {
  std::string word;
  for (int64_t i = 0; i < tensor->NumElements() && in >> word; ++i) {
    // A stream does not read `nan`.
    tensor->flat<T>()(i) = static_cast<T>(std::strtod(word.c_str(), nullptr));
  }
}

void ReadStrings(std::istream& in, Tensor* tensor) {
  std::string word;
  for (int64_t i = 0; i < tensor->NumElements() && in >> word; ++i) {
    std::string bytes;
    for (size_t j = 1; j + 1 < word.size(); j += 2) {  // After an x, for empty strings.
      bytes += static_cast<char>(std::stoi(word.substr(j, 2), nullptr, 16));
    }
    tensor->flat<tensorflow::tstring>()(i) = bytes;
  }
}

Tensor ReadTensor(std::istream& in) {
  std::string type;
  int rank = 0;
  in >> type >> rank;
  tensorflow::TensorShape shape;
  for (int64_t size; rank-- > 0 && in >> size;) shape.AddDim(size);
  if (type == "string") {
    Tensor tensor(tensorflow::DT_STRING, shape);
    ReadStrings(in, &tensor);
    return tensor;
  }
  const auto kind = type == "int"      ? tensorflow::DT_INT32
                    : type == "double" ? tensorflow::DT_DOUBLE
                                       : tensorflow::DT_FLOAT;
  Tensor tensor(kind, shape);
  if (type == "int") Read<int32_t>(in, &tensor);
  if (type == "double") Read<double>(in, &tensor);
  if (type == "float") Read<float>(in, &tensor);
  return tensor;
}

std::vector<Request> ReadRequests() {
  std::vector<Request> requests;
  for (std::string kind; std::getline(std::cin, kind) && !kind.empty();) {
    Request request{kind == "valid", {}, {}};
    for (std::string line; std::getline(std::cin, line) && !line.empty();) {
      std::istringstream in(line);
      std::string name;
      in >> name;
      request.inputs.emplace_back(name, ReadTensor(in));
    }
    requests.push_back(request);
  }
  return requests;
}

int Highest(const std::string& folder) {
  int highest = 0;
  if (DIR* directory = opendir(folder.c_str())) {
    while (const dirent* entry = readdir(directory)) {
      const std::string name = entry->d_name;
      if (name.find_first_not_of("0123456789") == std::string::npos) {
        highest = std::max(highest, std::stoi(name));
      }
    }
    closedir(directory);
  }
  return highest;
}

std::shared_ptr<Version> Load(const std::string& folder, int number) {
  auto version = std::make_shared<Version>();
  version->number = number;
  const auto status = tensorflow::LoadSavedModel({}, {}, folder + "/" + std::to_string(number),
                                                 {"serve"}, &version->bundle);
  if (!status.ok()) {
    std::cerr << status.message() << std::endl;
    return nullptr;
  }
  const auto& signature = version->bundle.GetSignatures().at("serving_default");
  for (const auto& output : signature.outputs()) version->fetches.push_back(output.second.name());
  return version;
}

bool Run(const Version& version, const Request& request, std::vector<Tensor>* outputs) {
  const auto& inputs = version.bundle.GetSignatures().at("serving_default").inputs();
  std::vector<std::pair<std::string, Tensor>> feeds;
  for (const auto& input : request.inputs) {
    const auto known = inputs.find(input.first);
    if (known == inputs.end()) return false;  // As the server says before it runs anything.
    feeds.emplace_back(known->second.name(), input.second);
  }
  if (feeds.size() != inputs.size()) return false;
  return version.bundle.GetSession()->Run(feeds, version.fetches, {}, outputs).ok();
}

int main(int argc, char** argv) {
  tensorflow::DisableXlaCompilation();
  const std::string folder = argv[1];
  const double seconds = std::stod(argv[2]);
  auto current = Load(folder, Highest(folder));
  if (current == nullptr) return 1;
  auto requests = ReadRequests();
  for (auto& request : requests) {
    if (request.valid && !Run(*current, request, &request.expected)) {
      std::cerr << "a valid request is refused" << std::endl;
      return 1;
    }
  }
  std::mutex swapping;
  const auto served = [&] {
    std::lock_guard<std::mutex> lock(swapping);
    return current;
  };
  std::atomic<long> next(0), valid(0), failed(0), different(0), refused(0), answered(0);
  std::atomic<bool> over(false);
  const auto send = [&] {
    while (!over) {
      const auto& request = requests[next++ % requests.size()];
      std::vector<Tensor> outputs;
      const bool ok = Run(*served(), request, &outputs);
      if (!request.valid) {
        ++(ok ? answered : refused);
      } else if (!ok) {
        ++failed;
      } else {
        ++valid;
        different += !Equal(request.expected, outputs);
      }
    }
  };
  long versions = 1, broken = 0;
  const auto start = Clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::vector<std::thread> workers;
  for (int i = 0; i < std::stoi(argv[3]); ++i) workers.emplace_back(send);
  std::cout << "serving" << std::endl;
  long before = 0;
  while (passed() < seconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    // The first part fills the pools of the allocator and of the threads.
    if (before == 0 && passed() > 0.2 * seconds) before = Resident();
    const int highest = Highest(folder);
    if (highest <= served()->number) continue;
    if (auto newer = Load(folder, highest)) {
      ++versions;
      std::lock_guard<std::mutex> lock(swapping);
      current = newer;
    } else {
      ++broken;
    }
  }
  over = true;
  for (auto& worker : workers) worker.join();
  std::printf(
      "valid %ld failed %ld different %ld refused %ld answered %ld versions %ld broken %ld "
      "kilobytes %ld %ld seconds %.1f\n",
      valid.load(), failed.load(), different.load(), refused.load(), answered.load(), versions,
      broken, before, Resident(), passed());
  return 0;
}
