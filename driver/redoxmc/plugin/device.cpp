#include "device.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <algorithm>

namespace redoxmc {

at::Device choose_device(const Place &place)
{
  if (place.device == "cpu") return at::kCPU;
  const bool built = c10::impl::hasDeviceGuardImpl(at::kCUDA);
  const int count = built ? c10::impl::getDeviceGuardImpl(at::kCUDA)->deviceCount() : 0;
  if (count > 0) return {at::kCUDA, static_cast<c10::DeviceIndex>(place.rank_on_node % count)};
  if (place.device == "auto") return at::kCPU;
  throw NoDevice(built ? "torch finds no GPU on this node; ask the job for one, or write 'device auto'"
                       : "the installed torch is built without CUDA; install one that is built with "
                         "it, or write 'device auto'");
}

SentGraph send(const Graph &graph, at::Device device, at::ScalarType dtype)
{
  static_assert(sizeof(double) == sizeof(std::int64_t), "both go through one buffer");
  const std::int64_t nodes = graph.nodes(), edges = graph.edges();
  at::Tensor words = at::empty({5 * edges + nodes}, at::kLong);
  // vectors first, since a buffer begins where memory is aligned
  auto *to = words.data_ptr<std::int64_t>();
  const auto *vectors = reinterpret_cast<const char *>(graph.vectors.data());
  std::copy(vectors, vectors + 3 * edges * sizeof(double), reinterpret_cast<char *>(to));
  to = std::copy(graph.sender.begin(), graph.sender.end(), to + 3 * edges);
  to = std::copy(graph.receiver.begin(), graph.receiver.end(), to);
  std::copy(graph.species.begin(), graph.species.end(), to);

  words = words.to(device);
  return {words.slice(0, 5 * edges), words.slice(0, 3 * edges, 5 * edges).view({2, edges}),
          words.slice(0, 0, 3 * edges).view(at::kDouble).view({edges, 3}).to(dtype)};
}

void receive(const std::vector<std::pair<at::Tensor, std::vector<double> *>> &arrivals)
{
  std::vector<at::Tensor> parts;
  for (const auto &[tensor, array] : arrivals)
    parts.push_back(tensor.detach().to(at::kDouble).reshape({-1}));
  const at::Tensor all = at::cat(parts).to(at::kCPU);
  const double *from = all.data_ptr<double>();
  for (std::size_t k = 0; k < parts.size(); k++) {
    arrivals[k].second->assign(from, from + parts[k].numel());
    from += parts[k].numel();
  }
}

}    // namespace redoxmc
