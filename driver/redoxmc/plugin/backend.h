// What every way of evaluating a model has in common: a graph in, energies and gradients out.
#pragma once

#include "metadata.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace redoxmc {

// The neighbourhood graph of the atoms of one rank. Nodes 0 to n_local-1 are its own atoms, the
// others are ghosts. Edges are grouped by receiver, in ascending order.
struct Graph {
  int n_local = 0;
  std::vector<int> atom;                 // of a node: index into LAMMPS' arrays
  std::vector<std::int64_t> species;     // of a node: row in the model's species table
  std::vector<std::int64_t> sender;      // of an edge: neighbour
  std::vector<std::int64_t> receiver;    // of an edge: centre
  std::vector<double> vectors;           // of an edge: r_receiver - r_sender, 3 per edge, Å

  std::int64_t nodes() const { return static_cast<std::int64_t>(atom.size()); }
  std::int64_t edges() const { return static_cast<std::int64_t>(sender.size()); }
};

// Energies lack the species' reference energies, which the pair style adds in double.
struct Evaluation {
  std::vector<double> energy;           // eV, one per local node
  std::vector<double> edge_gradient;    // eV/Å, derivative of their sum, 3 per edge
  // further numbers per local node ("moment" in Bohr magnetons, "charge" in e), if the model has them
  std::map<std::string, std::vector<double>> per_atom;
};

// How a backend gives numbers on nodes to other ranks. Collective: all ranks call alike.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // Fills in the ghosts' entries of an array with so many bytes per node.
  virtual void from_owners(void *data, int bytes) = 0;
  // Adds the ghosts' entries to those of their owners; width numbers per node, float or double.
  virtual void to_owners(void *data, int width, bool is_double) = 0;
};

// The layers of a model one by one, on the first nodes of a graph; with memory of its own.
class Layers {
 public:
  virtual ~Layers() = default;
  // What the calls below work on: edges of node i are first[i] to first[i+1]-1. They evaluate the
  // first `receivers` nodes and may read what earlier layers left to the first `nodes`. The first call
  // for a graph must name the most receivers and nodes. Edges beyond the cutoff give nothing. The
  // arrays stay the caller's.
  virtual void graph(const Graph &, const std::int64_t *first, const std::int64_t *species,
                     int receivers, int nodes) = 0;
  // energy[i]: what the layer gives to node i, eV.
  virtual void forward(int layer, double *energy) = 0;
  // The adjoint, of the last layer with its evaluation; the last sets the gradient by edge vector, eV/Å,
  // the others add.
  virtual void backward(int layer, double *energy, double *gradient) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char *name() const = 0;
  // How many cutoffs beyond its own atoms a rank must see when there are several ranks; n_layers
  // for a backend that evaluates ghosts itself.
  virtual int halo_cutoffs() const = 0;
  // True for a backend that wants ghosts' features from their owners instead; ranks without atoms then
  // take part.
  virtual bool exchanges() const { return false; }
  // At most so many bytes per node in one exchange.
  virtual int exchange_bytes() const { return 0; }
  // nullptr for a backend that evaluates whole models only. It may outlive the backend.
  virtual std::unique_ptr<Layers> layers() { return nullptr; }
  // exchange: nullptr on one rank. Throws std::exception where the model fails.
  virtual void evaluate(const Graph &, Evaluation &, Exchange *exchange) = 0;
};

// Where a TorchScript model is to run.
struct Place {
  std::string device = "auto";    // "cpu", "cuda", or "auto": a GPU where there is one
  int rank_on_node = 0;           // so that ranks spread over the GPUs of their node
};

// A GPU is asked for, and there is none.
struct NoDevice : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct LoadedModel {
  Metadata metadata;
  std::string device = "cpu";    // or "cuda:0"
  std::unique_ptr<Backend> backend;
  std::set<std::string> per_atom;    // what Evaluation::per_atom will hold
};

// threads: upper limit of threads used by one rank. Throws std::exception with one sentence, which is
// NoDevice where the fault is not the file's.
// Loads torch where that has not happened yet (torch_library.cpp).
LoadedModel load_torchscript(const std::string &file, int threads, const Place &);

// What `python -m redoxmc.native` says of a model file: "ok " and the library of its native kernels,
// which it compiles where need be, or "no " and a sentence.
std::string find_native(const std::string &file);

// Opens such a library. Throws std::exception with one sentence.
LoadedModel load_native(const std::string &library, int threads);

// True where Python imported torch after LAMMPS, whose slow BLAS then replaces torch's own. Known
// after load_torchscript.
bool torch_has_slow_blas();

// How redoxmc_torch.so offers load_torchscript.
using TorchScriptLoader = void(const std::string &file, int threads, const Place &, LoadedModel &);
constexpr char TORCHSCRIPT_LOADER[] = "redoxmc_load_torchscript";

}    // namespace redoxmc
