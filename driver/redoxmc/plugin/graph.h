// From LAMMPS' neighbour lists to the graph of a model.
#pragma once

#include "backend.h"
#include "ghosts.h"

#include "lmptype.h"

#include <vector>

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

// Several ranks that exchange features: nodes are the rank's own atoms and the ghosts whose features it
// needs, and only its own receive edges. An edge to an image goes to the rank's own atom, or to the
// first of the atom's images, so that each atom of another rank is one node at most.
class ExchangeGraph {
 public:
  // Collective.
  void build(Graph &, LAMMPS_NS::Atom *, LAMMPS_NS::NeighList *, const std::vector<int> &rows,
             double r_cut, Ghosts &);

 private:
  std::vector<LAMMPS_NS::tagint> tags_;    // IDs of LAMMPS' atoms here, ghosts included
  std::vector<int> first_;                 // of each of them: the first with its ID
  void find_images(const LAMMPS_NS::tagint *tag, int n);
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
