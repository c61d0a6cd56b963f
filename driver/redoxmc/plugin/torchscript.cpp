// The backend for every architecture: a TorchScript module with the edge-vector interface
//   forward(species [N], edge_index [2,E], edge_vectors [E,3], n_local) -> {"energy": [n_local], ...}
// differentiated with respect to the edge vectors by torch's autograd.

#include "device.h"

// the whole of <torch/script.h> takes three times as long to compile
#include <ATen/Parallel.h>
#include <ATen/ops/ones_like.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

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

  // The keys that a model returns beside the energy, from a pair of atoms: all ranks must know them,
  // those without atoms too. Empty where the model fails on such a pair.
  std::set<std::string> per_atom_outputs(torch::jit::Module &module, at::Device device,
                                         at::ScalarType dtype, double r_cut)
  {
    std::set<std::string> found;
    try {
      torch::jit::GraphOptimizerEnabledGuard plain(false);
      const Graph pair{2,      {0, 1}, {0, 0}, {0, 1},
                       {1, 0}, {0.5 * r_cut, 0.0, 0.0, -0.5 * r_cut, 0.0, 0.0}};
      const SentGraph sent = send(pair, device, dtype);
      const auto result =
          module.forward({sent.species, sent.index, sent.vectors, std::int64_t(2)}).toGenericDict();
      for (const auto &entry : result) found.insert(entry.key().toStringRef());
    } catch (const std::exception &) {
      found.clear();
    }
    found.erase("energy");
    return found;
  }

  class TorchScriptBackend : public Backend {
   public:
    TorchScriptBackend(torch::jit::Module module, at::Device device, at::ScalarType dtype,
                       int n_layers, int threads) :
        module_(std::move(module)), device_(device), dtype_(dtype), n_layers_(n_layers),
        threads_(threads)
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
    at::Device device_;
    at::ScalarType dtype_;
    int n_layers_;
    int threads_;

    void run(const Graph &graph, Evaluation &out)
    {
      if (at::get_num_threads() > threads_) at::set_num_threads(threads_);
      // the profiling executor makes the first calls slow and gains nothing here
      torch::jit::GraphOptimizerEnabledGuard plain(false);
      const c10::DeviceGuard current(device_);

      const SentGraph sent = send(graph, device_, dtype_);
      sent.vectors.requires_grad_(true);
      const auto result = module_
                              .forward({sent.species, sent.index, sent.vectors,
                                        static_cast<std::int64_t>(graph.n_local)})
                              .toGenericDict();
      at::Tensor energy;
      std::vector<std::pair<at::Tensor, std::vector<double> *>> arrivals;
      out.per_atom.clear();
      for (const auto &entry : result) {
        const std::string &key = entry.key().toStringRef();
        if (key == "energy") {
          energy = entry.value().toTensor();
          continue;
        }
        arrivals.emplace_back(entry.value().toTensor(), &out.per_atom[key]);
        if (arrivals.back().first.numel() != graph.n_local)
          throw std::runtime_error("the model returned another number of values of '" + key +
                                   "' than atoms");
      }
      if (!energy.defined()) throw std::runtime_error("the model returned no 'energy'");
      if (energy.dim() != 1 || energy.size(0) != graph.n_local)
        throw std::runtime_error("the model returned another number of energies than atoms");

      arrivals.emplace_back(energy, &out.energy);
      at::Tensor gradient;
      if (graph.edges() > 0 && energy.requires_grad())
        gradient = torch::autograd::grad({energy}, {sent.vectors}, {at::ones_like(energy)}, false,
                                         false, true)[0];
      if (gradient.defined())
        arrivals.emplace_back(gradient, &out.edge_gradient);
      else    // isolated atoms
        out.edge_gradient.assign(3 * graph.edges(), 0.0);
      receive(arrivals);
    }
  };

}    // namespace

}    // namespace redoxmc

extern "C" void redoxmc_load_torchscript(const std::string &file, int threads,
                                         const redoxmc::Place &place, redoxmc::LoadedModel &model)
{
  using namespace redoxmc;
  const at::Device device = choose_device(place);
  std::unordered_map<std::string, std::string> extra{{METADATA_FILE, ""}};
  try {
    const c10::DeviceGuard current(device);
    torch::jit::Module module = torch::jit::load(file, device, extra);
    model.device = device.str();
    model.metadata = parse_metadata(extra[METADATA_FILE]);
    module.eval();
    for (const auto &parameter : module.parameters()) parameter.requires_grad_(false);
    const auto dtype = model.metadata.dtype == "float32" ? at::kFloat : at::kDouble;
    model.per_atom = per_atom_outputs(module, device, dtype, model.metadata.r_cut);
    model.backend = std::make_unique<TorchScriptBackend>(std::move(module), device, dtype,
                                                         model.metadata.n_layers, threads);
  } catch (const c10::Error &error) {
    throw std::runtime_error(first_line(error.what_without_backtrace()));
  } catch (const std::exception &error) {
    throw std::runtime_error(first_line(error.what()));
  }
}
