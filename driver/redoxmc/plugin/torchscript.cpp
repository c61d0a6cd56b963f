// The backend for every architecture: a TorchScript module with the edge-vector interface
//   forward(species [N], edge_index [2,E], edge_vectors [E,3], n_local) -> {"energy": [n_local], ...}
// differentiated with respect to the edge vectors by torch's autograd.

#include "backend.h"

// the whole of <torch/script.h> takes three times as long to compile
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <unordered_map>

namespace redoxmc {
namespace {

  constexpr char METADATA_FILE[] = "redoxmc.json";

  std::string first_line(const std::string &text)
  {
    // the interpreter puts the cause on the last line, behind its traceback
    const auto cause = text.rfind("RuntimeError: ");
    const std::string rest = cause == std::string::npos ? text : text.substr(cause + 14);
    return rest.substr(0, rest.find('\n'));
  }

  void copy_to(std::vector<double> &target, const at::Tensor &source)
  {
    const at::Tensor flat = source.detach().to(at::kDouble).contiguous();
    target.resize(flat.numel());
    std::memcpy(target.data(), flat.data_ptr<double>(), flat.numel() * sizeof(double));
  }

  // The keys that a model returns beside the energy, from a pair of atoms: all ranks must know them,
  // those without atoms too. Empty where the model fails on such a pair.
  std::set<std::string> per_atom_outputs(torch::jit::Module &module, at::ScalarType dtype,
                                         double r_cut)
  {
    std::set<std::string> found;
    try {
      torch::jit::GraphOptimizerEnabledGuard plain(false);
      at::Tensor edges = at::tensor({0, 1, 1, 0}, at::kLong).view({2, 2});
      at::Tensor vectors = at::zeros({2, 3}, dtype);
      vectors[0][0] = 0.5 * r_cut;
      vectors[1][0] = -0.5 * r_cut;
      const auto result =
          module.forward({at::zeros({2}, at::kLong), edges, vectors, std::int64_t(2)})
              .toGenericDict();
      for (const auto &entry : result) found.insert(entry.key().toStringRef());
    } catch (const std::exception &) {
      found.clear();
    }
    found.erase("energy");
    return found;
  }

  class TorchScriptBackend : public Backend {
   public:
    TorchScriptBackend(torch::jit::Module module, at::ScalarType dtype, int n_layers, int threads) :
        module_(std::move(module)), dtype_(dtype), n_layers_(n_layers), threads_(threads)
    {
    }

    const char *name() const override { return "torchscript"; }
    int halo_cutoffs() const override { return n_layers_; }

    void evaluate(const Graph &graph, Evaluation &out, Exchange *) override
    {
      try {
        run(graph, out);
      } catch (const c10::Error &error) {
        throw std::runtime_error(first_line(error.what_without_backtrace()));
      } catch (const std::exception &error) {
        throw std::runtime_error(first_line(error.what()));
      }
    }

   private:
    torch::jit::Module module_;
    at::ScalarType dtype_;
    int n_layers_;
    int threads_;

    void run(const Graph &graph, Evaluation &out)
    {
      if (at::get_num_threads() > threads_) at::set_num_threads(threads_);
      // the profiling executor makes the first calls slow and gains nothing here
      torch::jit::GraphOptimizerEnabledGuard plain(false);

      const std::int64_t n_edges = graph.edges();
      at::Tensor index = at::empty({2, n_edges}, at::kLong);
      auto *rows = index.data_ptr<std::int64_t>();
      std::copy(graph.sender.begin(), graph.sender.end(), rows);
      std::copy(graph.receiver.begin(), graph.receiver.end(), rows + n_edges);
      // from_blob wants a pointer to non-const; neither tensor is written to
      at::Tensor species = at::from_blob(const_cast<std::int64_t *>(graph.species.data()),
                                         {graph.nodes()}, at::kLong);
      at::Tensor vectors =
          at::from_blob(const_cast<double *>(graph.vectors.data()), {n_edges, 3}, at::kDouble)
              .to(dtype_);
      vectors.requires_grad_(true);

      const auto result =
          module_.forward({species, index, vectors, static_cast<std::int64_t>(graph.n_local)})
              .toGenericDict();
      at::Tensor energy;
      out.per_atom.clear();
      for (const auto &entry : result) {
        const std::string &key = entry.key().toStringRef();
        if (key == "energy") {
          energy = entry.value().toTensor();
          continue;
        }
        copy_to(out.per_atom[key], entry.value().toTensor());
        if (out.per_atom[key].size() != static_cast<std::size_t>(graph.n_local))
          throw std::runtime_error("the model returned another number of values of '" + key +
                                   "' than atoms");
      }
      if (!energy.defined()) throw std::runtime_error("the model returned no 'energy'");
      if (energy.dim() != 1 || energy.size(0) != graph.n_local)
        throw std::runtime_error("the model returned another number of energies than atoms");

      copy_to(out.energy, energy);
      at::Tensor gradient;
      if (n_edges > 0 && energy.requires_grad())
        gradient = torch::autograd::grad({energy}, {vectors}, {at::ones_like(energy)}, false, false,
                                         true)[0];
      if (gradient.defined())
        copy_to(out.edge_gradient, gradient);
      else    // isolated atoms
        out.edge_gradient.assign(3 * n_edges, 0.0);
    }
  };

}    // namespace

}    // namespace redoxmc

extern "C" void redoxmc_load_torchscript(const std::string &file, int threads,
                                         redoxmc::LoadedModel &model)
{
  using namespace redoxmc;
  std::unordered_map<std::string, std::string> extra{{METADATA_FILE, ""}};
  try {
    torch::jit::Module module = torch::jit::load(file, c10::Device(c10::kCPU), extra);
    model.metadata = parse_metadata(extra[METADATA_FILE]);
    module.eval();
    for (const auto &parameter : module.parameters()) parameter.requires_grad_(false);
    const auto dtype = model.metadata.dtype == "float32" ? at::kFloat : at::kDouble;
    model.per_atom = per_atom_outputs(module, dtype, model.metadata.r_cut);
    model.backend = std::make_unique<TorchScriptBackend>(std::move(module), dtype,
                                                         model.metadata.n_layers, threads);
  } catch (const c10::Error &error) {
    throw std::runtime_error(first_line(error.what_without_backtrace()));
  } catch (const std::exception &error) {
    throw std::runtime_error(first_line(error.what()));
  }
}
