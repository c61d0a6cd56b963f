// The energy of a crystal as a function of a few atoms that move, by two sets of species at once.
//
// An energy travels `n_layers` edges. Shell k holds the atoms k edges from the moving ones, A_k all
// up to it. Layer l gives something else only to A_{l+1}, from what layer l-1 gave to A_{l+2}, of
// which the part beyond A_l never changes. So that part is evaluated once, where a path begins, and
// each step evaluates layer l on A_{l+1}: the cost of a step is that of the atoms within n_layers
// cutoffs of those that move, whatever the size of the crystal. Nothing is approximated.
//
// A backend without layers of its own evaluates A_{2 n_layers} as a crystal that ends there: the
// atoms near that end have wrong energies, which do not depend on the moving ones.
#pragma once

#include "backend.h"
#include "crystal.h"

#include <vector>

namespace redoxmc {

class Region {
 public:
  // whole: evaluate every atom at every step, by the backend as for dynamics (to test against).
  Region(Backend &, const Metadata &, bool whole = false);

  // Atoms of the crystal that may move, in ascending order, and their rows before and after. The
  // crystal must outlive the calls of evaluate, which move its atoms.
  void begin(Crystal &, const std::vector<int> &mobile, const std::vector<int> &before,
             const std::vector<int> &after);
  // x: 3 numbers per mobile atom, Å. Throws std::exception where the model fails.
  void evaluate(const std::vector<double> &x);

  // As of the last evaluation, by the rows before (0) and after (1): energy in eV, from a zero that
  // is the same for both and for all calls since begin; forces on the mobile atoms, eV/Å.
  double energy(int which) const { return energy_[which] + offset_[which]; }
  const std::vector<double> &forces(int which) const { return forces_[which]; }
  // Where the mobile atoms were at begin.
  const std::vector<double> &start() const { return start_; }
  // Puts the mobile atoms back to where they were when begin was called.
  void restore();
  // How many atoms are evaluated at a step, by the last layer.
  int evaluated() const { return ends_[whole_ ? 1 : n_layers_]; }

 private:
  struct Varying {    // an edge with a mobile end
    int edge, receiver, sender;    // numbers of the mobile atoms, or -1
    double rest[3];                // the part of its vector that does not vary
  };

  Backend &backend_;
  std::unique_ptr<Layers> layers_[2];
  std::vector<double> reference_;    // energies by row, eV
  double r_cut_;
  int n_layers_;
  bool whole_;

  Crystal *crystal_ = nullptr;
  std::vector<int> mobile_;
  std::vector<int> rows_[2];
  std::vector<double> start_, centre_, last_;    // at begin, where the edges were sought, last call

  Graph graph_, cut_;                       // all candidate edges; those within the cutoff
  std::vector<std::int64_t> species_[2];    // of nodes
  std::vector<std::int64_t> first_;
  std::vector<int> node_of_;
  std::vector<int> ends_;     // of A_k: number of nodes
  std::vector<Varying> varying_;
  std::vector<std::int64_t> kept_;    // of an edge: its place in cut_, or -1
  std::vector<double> layer_energy_, gradient_;
  double energy_[2], offset_[2];
  std::vector<double> forces_[2];
  Evaluation result_;

  void look_around(const std::vector<double> &x, double slack);
  void find_edges(int node, double slack);
  void measure(const std::vector<double> &x);
  void prepare_layers();
  void evaluate_layers(int which);
  void evaluate_graph(int which);
};

}    // namespace redoxmc
