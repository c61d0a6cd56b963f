// Where a TorchScript model runs, and how numbers get there and back. No other file knows of devices:
// what is below does the same for all of them, the CPU included.
#pragma once

#include "backend.h"

#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

namespace redoxmc {

// Of several GPUs the one whose number is the rank's on its node, modulo how many there are. Throws
// NoDevice where a GPU is asked for and there is none.
at::Device choose_device(const Place &);

struct SentGraph {
  at::Tensor species;    // [nodes]
  at::Tensor index;      // [2, edges]: senders, receivers
  at::Tensor vectors;    // [edges, 3] in the precision of the model
};

// A graph to a device, in one transfer.
SentGraph send(const Graph &, at::Device, at::ScalarType);

// Tensors of one device to arrays, as doubles and in one transfer.
void receive(const std::vector<std::pair<at::Tensor, std::vector<double> *>> &);

}    // namespace redoxmc
