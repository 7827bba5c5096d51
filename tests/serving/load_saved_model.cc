// What a stock TF Serving does with a model: disables XLA, loads the SavedModel, runs its signature.
//
// Usage: load_saved_model DIRECTORY [REQUESTS THREADS]
// Reads batches with an empty line between them, one input a line:
//   NAME float|int RANK SIZES... VALUES...
// Prints the outputs of each batch with an empty line after them, one output a line:
//   NAME RANK SIZES... VALUES...
// With REQUESTS, then sends so many from THREADS threads, batch after batch in turn, and prints
//   requests REQUESTS errors N different N kilobytes BEFORE AFTER seconds SECONDS

#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "loader.h"
#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/compiler/jit/flags.h"
#include "tensorflow/core/framework/tensor.h"

using Tensors = std::vector<tensorflow::Tensor>;
using Inputs = std::vector<std::pair<std::string, tensorflow::Tensor>>;

template <typename T>
void Read(std::istream& in, tensorflow::Tensor* tensor) {
  for (int64_t i = 0; i < tensor->NumElements(); ++i) in >> tensor->flat<T>()(i);
}

// One batch, up to an empty line or the end.
Inputs ReadBatch(const tensorflow::SignatureDef& signature) {
  Inputs inputs;
  for (std::string line; std::getline(std::cin, line) && !line.empty();) {
    std::istringstream in(line);
    std::string name, type;
    int rank;
    in >> name >> type >> rank;
    tensorflow::TensorShape shape;
    for (int64_t size; rank-- > 0 && in >> size;) shape.AddDim(size);
    const bool is_int = type == "int";
    tensorflow::Tensor tensor(is_int ? tensorflow::DT_INT32 : tensorflow::DT_FLOAT, shape);
    is_int ? Read<int32_t>(in, &tensor) : Read<float>(in, &tensor);
    inputs.emplace_back(signature.inputs().at(name).name(), tensor);
  }
  return inputs;
}

int main(int argc, char** argv) {
  tensorflow::DisableXlaCompilation();
  tensorflow::SavedModelBundleLite bundle;
  absl::Status status = tensorflow::LoadSavedModel({}, {}, argv[1], {"serve"}, &bundle);
  if (!status.ok()) {
    std::cerr << status.message() << std::endl;
    return 1;
  }
  const auto signature = bundle.GetSignatures().at("serving_default");
  std::vector<std::string> names, fetches;
  for (const auto& output : signature.outputs()) {
    names.push_back(output.first);
    fetches.push_back(output.second.name());
  }
  std::vector<Inputs> batches;
  std::vector<Tensors> expected;
  for (Inputs batch; !(batch = ReadBatch(signature)).empty();) {
    Tensors outputs;
    status = bundle.GetSession()->Run(batch, fetches, {}, &outputs);
    if (!status.ok()) {
      std::cerr << status.message() << std::endl;
      return 1;
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      std::printf("%s %d", names[i].c_str(), outputs[i].dims());
      for (auto dim : outputs[i].shape()) std::printf(" %lld", static_cast<long long>(dim.size));
      for (int64_t j = 0; j < outputs[i].NumElements(); ++j) {
        std::printf(" %.9g", outputs[i].flat<float>()(j));
      }
      std::printf("\n");
    }
    std::printf("\n");
    batches.push_back(batch);
    expected.push_back(outputs);
  }
  if (argc < 4) return 0;

  const int requests = std::stoi(argv[2]), threads = std::stoi(argv[3]);
  std::atomic<int> next(0), errors(0), different(0);
  auto send = [&](int last) {
    for (int i; (i = next++) < last;) {
      const size_t batch = i % batches.size();
      Tensors outputs;
      if (!bundle.GetSession()->Run(batches[batch], fetches, {}, &outputs).ok()) {
        ++errors;
      } else if (!Equal(expected[batch], outputs)) {
        ++different;
      }
    }
  };
  auto send_from_all = [&](int last) {
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i) workers.emplace_back(send, last);
    for (auto& worker : workers) worker.join();
    next = last;
  };
  const auto start = std::chrono::steady_clock::now();
  // The first tenth fills the pools of the allocator and of the threads.
  send_from_all(requests / 10);
  const long before = Resident();
  send_from_all(requests);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("requests %d errors %d different %d kilobytes %ld %ld seconds %.2f\n", requests,
              errors.load(), different.load(), before, Resident(), seconds.count());
  return 0;
}
