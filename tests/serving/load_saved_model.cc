// What a stock TF Serving does with a model: disables XLA, loads the SavedModel, runs its signature.
//
// Usage: load_saved_model DIRECTORY, with one input a line: NAME float|int RANK SIZES... VALUES...
// Prints one output a line:                                NAME RANK SIZES... VALUES...
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/compiler/jit/flags.h"
#include "tensorflow/core/framework/tensor.h"

template <typename T>
void Read(std::istream& in, tensorflow::Tensor* tensor) {
  for (int64_t i = 0; i < tensor->NumElements(); ++i) in >> tensor->flat<T>()(i);
}

int main(int argc, char** argv) {
  tensorflow::DisableXlaCompilation();
  tensorflow::SavedModelBundleLite bundle;
  absl::Status status = tensorflow::LoadSavedModel({}, {}, argv[1], {"serve"}, &bundle);
  std::vector<std::pair<std::string, tensorflow::Tensor>> inputs;
  std::vector<std::string> names, fetches;
  std::vector<tensorflow::Tensor> outputs;
  if (status.ok()) {
    const auto& signature = bundle.GetSignatures().at("serving_default");
    for (std::string line; std::getline(std::cin, line);) {
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
    for (const auto& output : signature.outputs()) {
      names.push_back(output.first);
      fetches.push_back(output.second.name());
    }
    status = bundle.GetSession()->Run(inputs, fetches, {}, &outputs);
  }
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
  return 0;
}
