// What programs on TensorFlow's own loader share.
#ifndef LOADER_H_
#define LOADER_H_

#include <unistd.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "tensorflow/core/framework/tensor.h"

// Resident memory, in kilobytes.
inline long Resident() {
  long pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// Whether tensors are the same, bit by bit.
inline bool Equal(const std::vector<tensorflow::Tensor>& expected,
                  const std::vector<tensorflow::Tensor>& found) {
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto left = expected[i].tensor_data(), right = found[i].tensor_data();
    if (left.size() != right.size() || std::memcmp(left.data(), right.data(), left.size())) {
      return false;
    }
  }
  return expected.size() == found.size();
}

#endif  // LOADER_H_
