// What cPaiNN's kernels keep between calls, and how its numbers lie in memory.
//
// By blocks of LANES features, so that one block of an atom is contiguous:
//   features of a node, what neighbours read: [BLOCKS][phi1 phi2 phi3 vx vy vz][LANES]
//   sums and residuals of an atom: [BLOCKS][s vx vy vz][LANES]
// Everything else is [atom][WIDTH], vectors [atom][3][WIDTH].
#pragma once

#include "functions.h"
#include "state.h"

#include <memory>

namespace {

constexpr int BLOCKS = WIDTH / LANES, ROW = 4 * WIDTH;
constexpr int CHUNK = 512;    // edges that are worked on together, block by block
constexpr int TILE = 16;      // atoms whose dense layers are

template <class L> constexpr int width() { return L::FIRST ? 0 : 6 * WIDTH; }
// filters of an edge in use, and gates of an update: the first vectors are zero, the last not read
template <class L> constexpr int filters() { return L::FIRST ? 2 : 3; }
template <class L> constexpr int gates() { return L::LAST ? 2 : 3; }

struct Edge {
  int to, from, row;         // receiver; sender; interval of the radial table
  std::int64_t id;           // number of the edge in the caller's graph
  S x, y, z, inverse;        // direction; 1/r
  // the splines at its length, and their derivatives along the table
  S value[COEFFICIENTS], slope[COEFFICIENTS];
};

struct EdgeList {
  Array<Edge> edges;
  int size = 0;
};

struct Scratch : Touched {
  // of this thread's part: edges that stand for their reverse, too, and those that do not
  EdgeList pairs, single;
  EdgeList some;    // of atoms that are evaluated alone
  Array<S> small, edge_sums;
};

struct Kernel : Domain {
  Array<S> features[N_LAYERS + 1], gradients[N_LAYERS + 1];
  Array<S> carry;                  // [N_LAYERS - 1][WIDTH] scalars after each layer, of each atom
  Array<S> sums, residual;         // of the layer at hand
  Array<S> mixed[N_LAYERS];        // [3][2 WIDTH] both products of the mixing matrix
  Array<S> slope[N_LAYERS];        // slopes of the hidden units of an update
  Array<S> gate[N_LAYERS];         // [gates][WIDTH]
  Array<S> sent_slope[N_LAYERS];   // slopes of the hidden units of a message
  Array<double> outputs[N_HEADS];
  std::vector<std::unique_ptr<Scratch>> scratch;
};

// One block of an atom in sums or residuals.
template <typename T> INLINE T *row_of(T *rows, int i, int block)
{
  return rows + static_cast<std::size_t>(i) * ROW + block * 4 * LANES;
}

}    // namespace
