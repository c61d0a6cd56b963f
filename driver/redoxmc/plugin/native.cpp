// The native backend: a shared library generated from the model and compiled for this machine (see
// redoxmc.native). Python makes it, at the first use of a model; after that it is found in a cache.

#include "backend.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace redoxmc {
namespace {

  constexpr int VERSION = 3;    // of the interface in native/kernel.cpp

  // The functions of a generated library; see native/kernel.cpp.
  struct Library {
    void *handle;
    int (*layers)();
    int (*exchanges)();
    int (*scalar_bytes)();
    int (*width)(int);
    const char *(*metadata)();
    void *(*make)(int);
    void (*destroy)(void *);
    void (*graph)(void *, int, int, int, const std::int64_t *, const std::int64_t *,
                  const std::int64_t *, const double *);
    void (*forward)(void *, int, const int *, int, double *);
    void (*backward)(void *, int, double *, double *);
    void *(*features)(void *, int);
    void *(*gradients)(void *, int);
    const char *(*outputs)();
    const double *(*output)(void *, int);

    explicit Library(const std::string &file) :
        handle(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL))
    {
      if (!handle) throw std::runtime_error(std::string("it cannot be loaded: ") + dlerror());
      int (*version)(), (*usable)();
      find(version, "version");
      find(usable, "usable");
      if (version() != VERSION) throw std::runtime_error("another version of redoxmc made it");
      if (!usable()) throw std::runtime_error("it was compiled for another kind of CPU");
      find(layers, "layers");
      find(exchanges, "exchanges");
      find(scalar_bytes, "scalar_bytes");
      find(width, "width");
      find(metadata, "metadata");
      find(make, "new");
      find(destroy, "delete");
      find(graph, "graph");
      find(forward, "forward");
      find(backward, "backward");
      find(features, "features");
      find(gradients, "gradients");
      find(outputs, "outputs");
      find(output, "output");
    }

   private:
    template <typename Function> void find(Function &function, const std::string &name)
    {
      function = reinterpret_cast<Function>(dlsym(handle, ("redoxmc_native_" + name).c_str()));
      if (!function) throw std::runtime_error("it lacks the function " + name);
    }
  };

  class NativeLayers : public Layers {
   public:
    NativeLayers(std::shared_ptr<const Library> library, int threads) :
        library_(std::move(library)), model_(library_->make(threads))
    {
    }
    ~NativeLayers() override { library_->destroy(model_); }
    void graph(const Graph &graph, const std::int64_t *first, const std::int64_t *species,
               int receivers, int nodes) override
    {
      library_->graph(model_, receivers, receivers, nodes, species, first, graph.sender.data(),
                     graph.vectors.data());
    }
    void forward(int layer, double *energy) override
    {
      library_->forward(model_, layer, nullptr, 0, energy);
    }
    void backward(int layer, double *energy, double *gradient) override
    {
      library_->backward(model_, layer, energy, gradient);
    }

   private:
    std::shared_ptr<const Library> library_;    // LAMMPS deletes pair styles before fixes
    void *model_;
  };

  class NativeBackend : public Backend {
   public:
    NativeBackend(const std::string &file, int threads) :
        shared_(std::make_shared<const Library>(file)), library_(*shared_),
        n_layers_(library_.layers()), threads_(threads), model_(library_.make(threads))
    {
      std::istringstream names(library_.outputs());
      for (std::string name; names >> name;) outputs_.push_back(name);
    }
    ~NativeBackend() override { library_.destroy(model_); }

    std::string metadata() const { return library_.metadata(); }
    const std::vector<std::string> &outputs() const { return outputs_; }

    const char *name() const override { return "native"; }
    int halo_cutoffs() const override
    {
      return exchanges() ? 1 : parse_metadata(library_.metadata()).n_layers;
    }
    bool exchanges() const override { return library_.exchanges(); }
    int exchange_bytes() const override
    {
      int largest = 0;
      for (int layer = 1; layer < n_layers_; layer++)
        largest = std::max(largest, library_.width(layer));
      return largest * library_.scalar_bytes();
    }

    std::unique_ptr<Layers> layers() override
    {
      // layers on the first nodes of a graph alone have been held against whole graphs for MACE
      if (parse_metadata(library_.metadata()).architecture != "MACE") return nullptr;
      return std::make_unique<NativeLayers>(shared_, threads_);
    }

    void evaluate(const Graph &graph, Evaluation &out, Exchange *exchange) override
    {
      const int n = graph.n_local, last = n_layers_ - 1, scalar = library_.scalar_bytes();
      // ghosts receive edges, too, where the library evaluates them
      const int receivers =
          graph.edges() ? std::max(n, static_cast<int>(graph.receiver.back()) + 1) : n;
      first_.assign(receivers + 1, 0);
      for (const std::int64_t receiver : graph.receiver) first_[receiver + 1]++;
      for (int i = 0; i < receivers; i++) first_[i + 1] += first_[i];
      library_.graph(model_, n, receivers, static_cast<int>(graph.nodes()), graph.species.data(),
                     first_.data(), graph.sender.data(), graph.vectors.data());
      layer_energy_.resize(n);
      out.energy.assign(n, 0.0);
      out.edge_gradient.resize(3 * graph.edges());

      for (int layer = 0; layer < last; layer++) {
        library_.forward(model_, layer, nullptr, 0, layer_energy_.data());
        add_energy(out);
        if (exchange)
          exchange->from_owners(library_.features(model_, layer + 1),
                                library_.width(layer + 1) * scalar);
      }
      for (int layer = last; layer >= 0; layer--) {
        library_.backward(model_, layer, layer_energy_.data(), out.edge_gradient.data());
        if (layer == last) add_energy(out);
        if (exchange && layer > 0)
          exchange->to_owners(library_.gradients(model_, layer), library_.width(layer),
                              scalar == 8);
      }
      for (std::size_t which = 0; which < outputs_.size(); which++) {
        const double *values = library_.output(model_, static_cast<int>(which));
        out.per_atom[outputs_[which]].assign(values, values + n);
      }
    }

   private:
    std::shared_ptr<const Library> shared_;    // never unloaded: its OpenMP threads live on
    const Library &library_;
    int n_layers_, threads_;
    void *model_;
    std::vector<std::string> outputs_;    // of atoms, beside energies
    std::vector<std::int64_t> first_;
    std::vector<double> layer_energy_;

    void add_energy(Evaluation &out)
    {
      for (std::size_t i = 0; i < out.energy.size(); i++) out.energy[i] += layer_energy_[i];
    }
  };

  std::string quoted(const std::string &text)
  {
    std::string result = "'";
    for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
  }

}    // namespace

std::string find_native(const std::string &file)
{
  // a running campaign asks again for every structure: the answer stays while the file does
  static std::map<std::pair<std::string, std::filesystem::file_time_type>, std::string> known;
  std::error_code ignored;
  const auto key = std::make_pair(file, std::filesystem::last_write_time(file, ignored));
  const auto found = known.find(key);
  if (found != known.end()) return found->second;

  const char *python = std::getenv("REDOXMC_PYTHON");
  // -P: files of the working folder are not Python's
  const std::string command =
      quoted(python ? python : "python3") + " -P -W ignore -m redoxmc.native " + quoted(file);
  std::string answer;
  if (FILE *pipe = popen(command.c_str(), "r")) {
    char part[1024];
    while (std::fgets(part, sizeof(part), pipe)) answer += part;
    pclose(pipe);
  }
  // what came before the last line is the chatter of other packages
  while (!answer.empty() && answer.back() == '\n') answer.pop_back();
  answer = answer.substr(answer.rfind('\n') == std::string::npos ? 0 : answer.rfind('\n') + 1);
  if (answer.rfind("ok ", 0) != 0 && answer.rfind("no ", 0) != 0)
    answer = "no '" + std::string(python ? python : "python3") +
        " -m redoxmc.native' does not work; set REDOXMC_PYTHON to the Python that has redoxmc.";
  known[key] = answer;
  return answer;
}

LoadedModel load_native(const std::string &library, int threads)
{
  LoadedModel model;
  auto backend = std::make_unique<NativeBackend>(library, threads);
  model.metadata = parse_metadata(backend->metadata());
  model.per_atom.insert(backend->outputs().begin(), backend->outputs().end());
  model.backend = std::move(backend);
  return model;
}

}    // namespace redoxmc
