// Messages of cPaiNN along edges, and their adjoint.
#pragma once

#include "cpainn_graph.h"

namespace {

// Filters at TOGETHER edges in one interval of the table, and their slopes where SLOPES.
template <class L, int TOGETHER, bool SLOPES>
INLINE void filter(const Edge *e, int block, V (*f)[3], V (*slope)[3])
{
  constexpr int N = filters<L>();
  const S *const row = W + L::TABLE +
      (static_cast<std::size_t>(block) * (INTERVALS + COEFFICIENTS - 1) + e->row) * N * LANES;
  for (int a = 0; a < TOGETHER; a++)
    for (int p = 0; p < N; p++) {
      f[a][p] = V{};
      if (SLOPES) slope[a][p] = V{};
    }
#pragma GCC unroll 16
  for (int j = 0; j < COEFFICIENTS; j++) {
    V w[3];
    for (int p = 0; p < N; p++) w[p] = ld(row + (j * N + p) * LANES);
    for (int a = 0; a < TOGETHER; a++)
      for (int p = 0; p < N; p++) {
        f[a][p] += w[p] * e[a].value[j];
        if (SLOPES) slope[a][p] += w[p] * e[a].slope[j];
      }
  }
}

// One block of the features of a node: phi1 phi2 phi3 vx vy vz, the first two alone in layer 0.
template <class L> INLINE void load(const Kernel &k, int node, int block, V *h)
{
  constexpr int N = L::FIRST ? 2 : 6;
  const S *from = L::FIRST
      ? W + FIRST_FEATURES + (static_cast<std::size_t>(k.species[node]) * BLOCKS + block) * N * LANES
      : k.features[L::INDEX].data() + static_cast<std::size_t>(node) * width<L>() + block * N * LANES;
  for (int m = 0; m < N; m++) h[m] = ld(from + m * LANES);
}

// What a node with features h sends along (x, y, z): added to the scalar and vector of `total`.
template <class L> INLINE void send(const V *f, const V *h, S x, S y, S z, V *total)
{
  total[0] += f[0] * h[0];
  const V along = f[1] * h[1];
  total[1] += along * x;
  total[2] += along * y;
  total[3] += along * z;
  if constexpr (!L::FIRST) {
    const V kept = f[2] * h[2];
    for (int c = 0; c < 3; c++) total[1 + c] += kept * h[3 + c];
  }
}

// Work on the edges of a list: on chunks of them, block by block, so that one block of the radial
// table and of the features stays in the cache; on as many together as there are in one interval.
template <typename Work> void each_edge(const EdgeList &list, Work work)
{
  const Edge *const edges = list.edges.data();
  for (const EdgeList::Chunk &chunk : list.chunks)
#pragma GCC unroll 1
    for (int block = 0; block < BLOCKS; block++) {
      for (int e = chunk.fours; e < chunk.twos; e += 4)
        work(std::integral_constant<int, 4>(), edges + e, block, e - chunk.fours);
      for (int e = chunk.twos; e < chunk.ones; e += 2)
        work(std::integral_constant<int, 2>(), edges + e, block, e - chunk.fours);
      for (int e = chunk.ones; e < chunk.end; e++)
        work(std::integral_constant<int, 1>(), edges + e, block, e - chunk.fours);
    }
}

// Messages along the edges of a list, added to the sums; BOTH: along their reverses, too.
template <class L, bool BOTH> void receive(const Kernel &k, const EdgeList &list)
{
  S *const sums = k.sums.data();
  each_edge(list, [&](auto together, const Edge *edges, int block, int) INLINE_LAMBDA {
    constexpr int TOGETHER = decltype(together)::value;
    V f[TOGETHER][3];
    filter<L, TOGETHER, false>(edges, block, f, nullptr);
    for (int a = 0; a < TOGETHER; a++) {
      const auto add_message = [&](int from, int to, S x, S y, S z) INLINE_LAMBDA {
        V h[6], total[4];
        S *const row = row_of(sums, to, block);
        for (int m = 0; m < 4; m++) total[m] = ld(row + m * LANES);
        load<L>(k, from, block, h);
        send<L>(f[a], h, x, y, z, total);
        for (int m = 0; m < 4; m++) st(row + m * LANES, total[m]);
      };
      const Edge &e = edges[a];
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
  receive<L, true>(k, s.pairs);
  receive<L, false>(k, s.single);
}

// Messages to some atoms.
template <class L> void receive_some(const Kernel &k, Scratch &s, int begin, int end)
{
  clear_sums(k, begin, end);
  list_edges(k, begin, end, s.some);
  receive<L, false>(k, s.some);
}

// Adjoint of `send`: d is the gradient of its result. Adds to the gradients of the features, of the
// filters (g) and of the direction (u).
template <class L>
INLINE void send_adjoint(const V *f, const V *h, S x, S y, S z, const V *d, V *dh, V *g, V *u)
{
  const V along = d[1] * x + d[2] * y + d[3] * z, sent = f[1] * h[1];
  g[0] += d[0] * h[0];
  g[1] += along * h[1];
  for (int c = 0; c < 3; c++) u[c] += d[1 + c] * sent;
  if constexpr (!L::FIRST) {
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

// Adjoint of `receive`. place: where the gradients of a node's features are. An edge that stands for
// its reverse gets the gradient of both.
template <class L, bool BOTH, class Place>
void receive_adjoint(const Kernel &k, const EdgeList &list, S *sums, double *gradient, Place place)
{
  constexpr int N = filters<L>(), M = L::FIRST ? 0 : 6;
  each_edge(list, [&](auto together, const Edge *edges, int block, int number) INLINE_LAMBDA {
    constexpr int TOGETHER = decltype(together)::value;
    V f[TOGETHER][3], slope[TOGETHER][3];
    filter<L, TOGETHER, true>(edges, block, f, slope);
    S *const own_sums = sums + number * SPAN;
    for (int a = 0; a < TOGETHER; a++) {
      V g[3] = {}, u[3] = {};
      const auto adjoint = [&](int from, int to, S x, S y, S z, V *direction) INLINE_LAMBDA {
        V h[6], d[4], dh[6];
        load<L>(k, from, block, h);
        const S *const residual = row_of(k.residual.data(), to, block);
        for (int m = 0; m < 4; m++) d[m] = ld(residual + m * LANES);
        S *const row = L::FIRST ? nullptr : place(from) + block * 6 * LANES;
        for (int m = 0; m < M; m++) dh[m] = ld(row + m * LANES);
        send_adjoint<L>(f[a], h, x, y, z, d, dh, g, direction);
        for (int m = 0; m < M; m++) st(row + m * LANES, dh[m]);
      };
      const Edge &e = edges[a];
      adjoint(e.from, e.to, e.x, e.y, e.z, u);
      if (BOTH) {
        V back[3] = {};
        adjoint(e.to, e.from, -e.x, -e.y, -e.z, back);
        for (int c = 0; c < 3; c++) u[c] -= back[c];
      }
      V along = g[0] * slope[a][0];
      for (int p = 1; p < N; p++) along += g[p] * slope[a][p];
      if (block == 0)
        for (int q = 0; q < SPAN; q++) own_sums[a * SPAN + q] = 0;
      add_sums(own_sums + a * SPAN, along, u[0], u[1], u[2]);
      if (block == BLOCKS - 1) add_edge_gradients(&e, 1, own_sums + a * SPAN, gradient);
    }
  });
}

// Adjoint of the messages to the atoms of a part. The last layer sets the gradients, the others add.
template <class L> void receive_adjoint_all(Kernel &k, Scratch &s, int begin, int end, double *gradient)
{
  if (L::LAST) std::fill(gradient + 3 * k.first[begin], gradient + 3 * k.first[end], 0.0);
  S *const own = k.gradients[L::INDEX].data(), *const others = s.gradients.data();
  const int *const slot = k.threads > 1 ? s.slot.data() : nullptr;
  const auto at = [](S *rows, int node) { return rows + static_cast<std::size_t>(node) * width<L>(); };
  S *const sums = s.edge_sums.reserve(CHUNK * SPAN);
  receive_adjoint<L, true>(k, s.pairs, sums, gradient, [=](int node) { return at(own, node); });
  receive_adjoint<L, false>(k, s.single, sums, gradient, [=](int node) {
    return !slot || (node >= begin && node < end) ? at(own, node) : at(others, slot[node]);
  });
}

}    // namespace
