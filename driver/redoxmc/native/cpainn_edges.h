// Messages of cPaiNN along edges, and their adjoint.
#pragma once

#include "cpainn_graph.h"

namespace {

// What messages of a layer read. FIRST: layer 0, where vectors are zero, and phi is the species'.
template <bool FIRST> struct Sources {
  static constexpr int FILTERS = FIRST ? 2 : 3, FEATURES = FIRST ? 2 : 6;
  const S *table, *features;      // by node, or by species
  const std::int64_t *species;

  // One block of the features of a node: phi1 phi2 phi3 vx vy vz, the first two alone in layer 0.
  INLINE const S *of(int node, int block) const
  {
    const std::int64_t row = FIRST ? species[node] : node;
    return features + (row * BLOCKS + block) * FEATURES * LANES;
  }
};

template <class L> Sources<L::FIRST> sources(const Kernel &k)
{
  return {W + L::TABLE, L::FIRST ? W + FIRST_FEATURES : k.features[L::INDEX].data(), k.species};
}

template <int N> INLINE void load(const S *from, V *to)
{
  for (int m = 0; m < N; m++) to[m] = ld(from + m * LANES);
}
template <int N> INLINE void store(const V *from, S *to)
{
  for (int m = 0; m < N; m++) st(to + m * LANES, from[m]);
}

// Filters at an edge, and their slopes where SLOPES.
template <int N, bool SLOPES>
INLINE void filter(const S *table, const Edge &e, int block, V *f, V *slope)
{
  const S *const row =
      table + (static_cast<std::size_t>(block) * (INTERVALS + COEFFICIENTS - 1) + e.row) * N * LANES;
  for (int p = 0; p < N; p++) f[p] = slope[p] = V{};
#pragma GCC unroll 16
  for (int j = 0; j < COEFFICIENTS; j++)
    for (int p = 0; p < N; p++) {
      const V w = ld(row + (j * N + p) * LANES);
      f[p] += w * e.value[j];
      if (SLOPES) slope[p] += w * e.slope[j];
    }
}

// What a node with features h sends along (x, y, z): added to the scalar and vector of `total`.
template <bool FIRST> INLINE void send(const V *f, const V *h, S x, S y, S z, V *total)
{
  total[0] += f[0] * h[0];
  const V along = f[1] * h[1];
  total[1] += along * x;
  total[2] += along * y;
  total[3] += along * z;
  if constexpr (!FIRST) {
    const V kept = f[2] * h[2];
    for (int c = 0; c < 3; c++) total[1 + c] += kept * h[3 + c];
  }
}

// Work on the edges of a list: on chunks of them, block by block, so that one block of the radial
// table and of the features stays in the cache.
template <typename Work> INLINE void each_chunk(const EdgeList &list, Work work)
{
  for (int chunk = 0; chunk < list.size; chunk += CHUNK) {
    const Edge *const edges = list.edges.data() + chunk;
    const int n = std::min(CHUNK, list.size - chunk);
#pragma GCC unroll 1
    for (int block = 0; block < BLOCKS; block++) work(edges, n, block);
  }
}

// Messages along the edges of a list, added to the sums; BOTH: along their reverses, too.
template <bool FIRST, bool BOTH> void receive(const Sources<FIRST> from, const EdgeList &list, S *sums)
{
  constexpr int M = Sources<FIRST>::FEATURES;
  each_chunk(list, [&](const Edge *edges, int n, int block) {
    for (int a = 0; a < n; a++) {
      const Edge &e = edges[a];
      V f[3], none[3], h[M], total[4];
      filter<from.FILTERS, false>(from.table, e, block, f, none);
      const auto add_message = [&](int sender, int receiver, S x, S y, S z) INLINE_LAMBDA {
        S *const row = row_of(sums, receiver, block);
        load<4>(row, total);
        load<M>(from.of(sender, block), h);
        send<FIRST>(f, h, x, y, z, total);
        store<4>(total, row);
      };
      add_message(e.from, e.to, e.x, e.y, e.z);
      if (BOTH) add_message(e.to, e.from, -e.x, -e.y, -e.z);
    }
  });
}

inline void clear_sums(const Kernel &k, int begin, int end)
{
  std::memset(k.sums.data() + static_cast<std::size_t>(begin) * ROW, 0,
              static_cast<std::size_t>(end - begin) * ROW * sizeof(S));
}

// Messages to the atoms of a part.
template <class L> void receive_all(const Kernel &k, const Scratch &s, int begin, int end)
{
  clear_sums(k, begin, end);
  receive<L::FIRST, true>(sources<L>(k), s.pairs, k.sums.data());
  receive<L::FIRST, false>(sources<L>(k), s.single, k.sums.data());
}

// Messages to some atoms.
template <class L> void receive_some(const Kernel &k, Scratch &s, int begin, int end)
{
  clear_sums(k, begin, end);
  list_edges(k, begin, end, s.some);
  receive<L::FIRST, false>(sources<L>(k), s.some, k.sums.data());
}

// Adjoint of `send`: d is the gradient of its result. Adds to the gradients of the features, of the
// filters (g) and of the direction (u).
template <bool FIRST>
INLINE void send_adjoint(const V *f, const V *h, S x, S y, S z, const V *d, V *dh, V *g, V *u)
{
  const V along = d[1] * x + d[2] * y + d[3] * z, sent = f[1] * h[1];
  g[0] += d[0] * h[0];
  g[1] += along * h[1];
  for (int c = 0; c < 3; c++) u[c] += d[1 + c] * sent;
  if constexpr (!FIRST) {
    dh[0] += d[0] * f[0];
    dh[1] += along * f[1];
    const V inner = d[1] * h[3] + d[2] * h[4] + d[3] * h[5], kept = f[2] * h[2];
    g[2] += inner * h[2];
    dh[2] += inner * f[2];
    for (int c = 0; c < 3; c++) dh[3 + c] += d[1 + c] * kept;
  }
}

// Gradients by edge vectors, from SPAN numbers of each edge, its gradients along the table and by its
// direction, in parts.
inline void add_edge_gradients(const Edge *edges, int n, const S *sums, double *gradient)
{
  for (int a = 0; a < n; a++, sums += SPAN) {
    const Edge &e = edges[a];
    double total[4] = {0.0, 0.0, 0.0, 0.0};
    for (int q = 0; q < SPAN; q++) total[q / (SPAN / 4)] += sums[q];
    const double u[3] = {e.x, e.y, e.z}, inverse = e.inverse;
    // what remains of the derivative by direction is across the edge, and falls off as 1/r
    const double across = (total[1] * u[0] + total[2] * u[1] + total[3] * u[2]) * inverse;
    const double part = total[0] * (1.0 / STEP) - across;
    double *const to = gradient + 3 * e.id;
    for (int c = 0; c < 3; c++) to[c] += total[1 + c] * inverse + part * u[c];
  }
}

// Where the gradients of a node's features are: of other parts' nodes in a place of this thread's own,
// where there is one.
template <bool OWN> struct Places {
  S *own, *others;
  const int *slot;    // nullptr: all nodes are this thread's
  int begin, end;

  INLINE S *operator()(int node) const
  {
    const bool here = OWN || !slot || (node >= begin && node < end);
    return (here ? own : others) + static_cast<std::size_t>(here ? node : slot[node]) * 6 * WIDTH;
  }
};

// Adjoint of `receive`. An edge that stands for its reverse gets the gradient of both.
template <bool FIRST, bool BOTH>
void receive_adjoint(const Sources<FIRST> from, const EdgeList &list, const S *residual, S *sums,
                     double *gradient, const Places<BOTH> place)
{
  constexpr int N = Sources<FIRST>::FILTERS, M = Sources<FIRST>::FEATURES;
  each_chunk(list, [&](const Edge *edges, int n, int block) {
    if (block == 0) zero(sums, n * SPAN);
    for (int a = 0; a < n; a++) {
      const Edge &e = edges[a];
      V f[3], slope[3], g[3] = {}, u[3] = {}, back[3] = {};
      filter<N, true>(from.table, e, block, f, slope);
      const auto adjoint = [&](int sender, int receiver, S x, S y, S z, V *direction) INLINE_LAMBDA {
        V h[M], d[4], dh[M];
        load<M>(from.of(sender, block), h);
        load<4>(row_of(residual, receiver, block), d);
        S *const row = FIRST ? nullptr : place(sender) + block * M * LANES;
        if constexpr (!FIRST) load<M>(row, dh);
        send_adjoint<FIRST>(f, h, x, y, z, d, dh, g, direction);
        if constexpr (!FIRST) store<M>(dh, row);
      };
      adjoint(e.from, e.to, e.x, e.y, e.z, u);
      if (BOTH) adjoint(e.to, e.from, -e.x, -e.y, -e.z, back);
      for (int c = 0; BOTH && c < 3; c++) u[c] -= back[c];
      V along = g[0] * slope[0];
      for (int p = 1; p < N; p++) along += g[p] * slope[p];
      add_sums(sums + a * SPAN, along, u[0], u[1], u[2]);
    }
    if (block == BLOCKS - 1) add_edge_gradients(edges, n, sums, gradient);
  });
}

// Adjoint of the messages to the atoms of a part. The last layer sets the gradients, the others add.
template <class L> void receive_adjoint_all(Kernel &k, Scratch &s, int begin, int end, double *gradient)
{
  if (L::LAST) std::fill(gradient + 3 * k.first[begin], gradient + 3 * k.first[end], 0.0);
  S *const own = k.gradients[L::INDEX].data(), *const others = s.gradients.data();
  const int *const slot = k.threads > 1 ? s.slot.data() : nullptr;
  S *const sums = s.edge_sums.reserve(CHUNK * SPAN);
  const Sources<L::FIRST> from = sources<L>(k);
  receive_adjoint<L::FIRST, true>(from, s.pairs, k.residual.data(), sums, gradient,
                                  {own, others, slot, begin, end});
  receive_adjoint<L::FIRST, false>(from, s.single, k.residual.data(), sums, gradient,
                                   {own, others, slot, begin, end});
}

}    // namespace
