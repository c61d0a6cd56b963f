// From LAMMPS' neighbour lists to the graph of a model.
#pragma once

#include "backend.h"

namespace LAMMPS_NS {
class Atom;
class NeighList;
}    // namespace LAMMPS_NS

namespace redoxmc {

// rows: species row by LAMMPS type, from 1.

// One rank: ghosts are images of the rank's own atoms, and an edge goes to the owner. Thin boxes,
// in which an atom is its own neighbour, need no special case, since edges carry vectors.
class MapGraph {
 public:
  void build(Graph &, LAMMPS_NS::Atom *, LAMMPS_NS::NeighList *, const std::vector<int> &rows,
             double r_cut);

 private:
  std::vector<int> owner_;      // of an atom, ghosts included: its image among the rank's own
  std::vector<int> of_tag_;     // table from an atom's ID to the rank's own atom
};

// Several ranks that exchange features: nodes are all atoms that LAMMPS has here, in its order, and
// only the rank's own receive edges.
class ExchangeGraph {
 public:
  void build(Graph &, LAMMPS_NS::Atom *, LAMMPS_NS::NeighList *, const std::vector<int> &rows,
             double r_cut);
};

// Several ranks: ghosts up to `cutoffs` edges away become nodes; those nearer than that receive
// edges too. Needs neighbour lists of ghosts.
class HaloGraph {
 public:
  void build(Graph &, LAMMPS_NS::Atom *, LAMMPS_NS::NeighList *, const std::vector<int> &rows,
             double r_cut, int cutoffs);

 private:
  std::vector<int> node_;    // of an atom, ghosts included: its node, or -1
};

}    // namespace redoxmc
