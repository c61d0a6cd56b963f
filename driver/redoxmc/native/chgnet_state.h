// What CHGNet's kernels keep between calls. A row of an atom, a bond or an angle is [WIDTH] or
// [WIDE]: core and gate of a gated perceptron.
#pragma once

#include "chgnet_math.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace {

constexpr int CHUNK = 128;    // edges or angles that are worked on together
constexpr int TILE = 16;      // of them, so that what lies between two layers stays in the first cache
constexpr int N_ATOM_LAYERS = N_BOND_LAYERS + 1;
constexpr std::size_t ROW = 3 * WIDTH;    // of an edge or angle: its hidden layer, and WIDTH more

struct Edge {
  int to, from, bond;    // receiver, sender; bond or -1
  Spline spline;
};

// A short edge; bonds are in the order of edges.
struct Bond {
  int to, from, reverse;    // reverse: bond from `to` to `from`, or -1
  std::int64_t edge;
  double unit[3], inverse;
};

// Of two bonds of an atom; first and second in both orders.
struct Angle {
  int first, second;
  double slope;    // of the angle by its cosine, 1/sin
  Spline spline;
};

struct Scratch : Touched {
  Array<S> x, slope, z, small;
};

struct Kernel : Domain {
  std::vector<Edge> edges;
  std::vector<Bond> bonds;
  std::vector<Angle> angles;
  std::vector<std::int64_t> bond_first, angle_first;    // of each receiver
  int counts[N_ATOM_LAYERS];    // receivers whose messages matter, the first ones, by layer

  Array<S> h[N_ATOM_LAYERS];    // [nodes][WIDTH] atoms before each layer
  Array<S> b[N_ATOM_LAYERS];    // [bonds][WIDTH]
  Array<S> a[N_BOND_LAYERS];    // [angles][WIDTH]; those of layer 0 are not kept
  Array<S> b_slope, weight, weight_slope;          // [bonds][WIDTH] functions of a bond's length
  Array<S> received, sent, of_bond;                // [WIDE] parts of atoms and bonds in a layer
  Array<S> first_part, second_part, centre_part;   // of bonds and atoms, in a layer of angles
  Array<S> sums;                                   // [receivers or bonds][WIDTH] of messages

  // gradients of the energy by the arrays above
  Array<S> dh, db, da, dweight, dreceived, dsent, dof_bond, dfirst, dsecond, dcentre, dsums;
  Array<double> along, dangle;    // by length of edges, by angles

  Array<S> features[2], gradients[2];    // for layers with ghosts' features, of which there are none
  Array<S> carry;
  Array<double> moment;
  std::vector<std::unique_ptr<Scratch>> scratch;
};

template <typename T> INLINE T *row(const Array<T> &rows, std::int64_t i, std::size_t width = WIDTH)
{
  return rows.data() + static_cast<std::size_t>(i) * width;
}
inline S *zeros(Array<S> &rows, std::size_t n)
{
  S *const data = rows.reserve(n + 1);
  std::memset(data, 0, n * sizeof(S));
  return data;
}

// Work on the receivers of each thread's share among the first `count`.
template <typename Work> void share_receivers(const Kernel &k, int count, Work work)
{
  share(k, k.n_local, [&](int part, int begin, int end) {
    end = std::min(end, count);
    if (begin < end) work(*k.scratch[part], begin, end);
  });
}

// Work on atoms i to j - 1, all of whose entries (edges or angles) fit into a chunk; at least one.
template <typename Work>
INLINE void each_chunk(const std::int64_t *first, int begin, int end, Work work)
{
  for (int i = begin; i < end;) {
    int j = i + 1;
    while (j < end && first[j + 1] - first[i] <= CHUNK) j++;
    work(i, j, first[i], static_cast<int>(first[j] - first[i]));
    i = j;
  }
}
template <typename Work> INLINE void each_tile(int n, Work work)
{
  for (int m = 0; m < n; m += TILE) work(m, std::min(TILE, n - m));
}

// Buffers for a chunk: x [n][ROW], slope and z [n][WIDE], small [n][LANES].
struct Rows {
  S *x, *slope, *z, *small;
  Rows(Scratch &s, int n) :
      x(s.x.reserve(n * ROW + 1)), slope(s.slope.reserve(n * WIDE + 1)),
      z(s.z.reserve(n * WIDE + 1)), small(s.small.reserve(n * LANES + 1))
  {
  }
};

}    // namespace
