// Messages of cPaiNN along edges, and their adjoint.
//
// A filter depends on the distance alone, so that an edge and its reverse, both of which end at
// atoms of this thread, share its evaluation.
#pragma once

#include "cpainn_state.h"

#include <algorithm>
#include <cmath>

namespace {

// Direction and radial part of an edge from its vector.
INLINE void set_place(Edge &e, const double *v)
{
  const double r = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), inverse = 1.0 / r;
  const double u = r * (1.0 / STEP);
  const bool inside = u < INTERVALS;
  e.row = inside ? static_cast<int>(u) : 0;
  e.x = static_cast<S>(v[0] * inverse);
  e.y = static_cast<S>(v[1] * inverse);
  e.z = static_cast<S>(v[2] * inverse);
  e.inverse = static_cast<S>(inverse);
  // nothing comes from beyond the cutoff; a distance that is not a number stays visible
  const double t = u - e.row, kept = inside ? 1.0 : u >= INTERVALS ? 0.0 : u;
  double value[COEFFICIENTS], slope[COEFFICIENTS];
  for (int j = 0; j < COEFFICIENTS; j++) {
    value[j] = SPLINE[COEFFICIENTS - 1][j];
    slope[j] = 0.0;
  }
#pragma GCC unroll 16
  for (int n = COEFFICIENTS - 2; n >= 0; n--)
    for (int j = 0; j < COEFFICIENTS; j++) {
      slope[j] = slope[j] * t + value[j];
      value[j] = value[j] * t + SPLINE[n][j];
    }
  for (int j = 0; j < COEFFICIENTS; j++) {
    e.value[j] = static_cast<S>(kept != 0.0 ? kept * value[j] : 0.0);
    e.slope[j] = static_cast<S>(kept != 0.0 ? kept * slope[j] : 0.0);
  }
}

// Sorts the edges of each atom by kind. A part whose edges do not have their reverses has none that
// stands for two.
void find_edges(Kernel &k)
{
  const std::int64_t n_edges = k.first[k.n_local];
  Edge *const edges = k.edges.reserve(n_edges + 1);
  int *const alone = k.alone.reserve(2 * k.n_local + 2), *const active = k.active.reserve(k.n_local + 1);
  share(k, k.n_local, [&](int, int begin, int end) {
    int *const balance = alone + k.n_local;
    std::fill(balance + begin, balance + end, 0);
    const auto inside = [&](int node) { return node >= begin && node < end; };
    for (int i = begin; i < end; i++)
      for (std::int64_t e = k.first[i]; e < k.first[i + 1]; e++) {
        const int j = static_cast<int>(k.sender[e]);
        if (inside(j) && j < i) balance[j]++;
        if (inside(j) && j > i) balance[i]--;
      }
    const bool paired = std::all_of(balance + begin, balance + end, [](int n) { return n == 0; });
    for (int i = begin; i < end; i++) {
      const auto kind = [&](int j) { return !paired || !inside(j) || j == i ? 0 : j < i ? 1 : 2; };
      int count[3] = {0, 0, 0};
      for (std::int64_t e = k.first[i]; e < k.first[i + 1]; e++)
        count[kind(static_cast<int>(k.sender[e]))]++;
      alone[i] = count[0];
      active[i] = count[0] + count[1];
      Edge *place[3] = {edges + k.first[i], edges + k.first[i] + alone[i],
                        edges + k.first[i] + active[i]};
      for (std::int64_t e = k.first[i]; e < k.first[i + 1]; e++) {
        const int j = static_cast<int>(k.sender[e]), which = kind(j);
        Edge &edge = *place[which]++;
        edge.node = j;
        edge.id = e;
        set_place(edge, k.vectors + 3 * e);
      }
    }
  });
}

// Filters at an edge, and their slopes where there is room for them.
template <class L> INLINE void filter(const Edge &e, int block, V *f, V *slope = nullptr)
{
  constexpr int N = filters<L>();
  const S *c = W + L::TABLE +
      (static_cast<std::size_t>(block) * (INTERVALS + COEFFICIENTS - 1) + e.row) * N * LANES;
  for (int p = 0; p < N; p++) {
    f[p] = V{};
    if (slope) slope[p] = V{};
  }
#pragma GCC unroll 16
  for (int j = 0; j < COEFFICIENTS; j++)
    for (int p = 0; p < N; p++) {
      const V w = ld(c + (j * N + p) * LANES);
      f[p] += w * e.value[j];
      if (slope) slope[p] += w * e.slope[j];
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

// Messages to atom i, one block; with its edges' reverses, or every edge for itself alone.
template <class L, bool ALONE> void receive(const Kernel &k, int i, int block, S *sums)
{
  const Edge *const edges = k.edges.data() + k.first[i];
  const int n_all = static_cast<int>(k.first[i + 1] - k.first[i]);
  const int n_alone = ALONE ? n_all : k.alone.data()[i], n = ALONE ? n_all : k.active.data()[i];
  V total[4] = {}, f[3], h[6], own[6];
  for (int a = 0; a < n_alone; a++) {
    const Edge &e = edges[a];
    filter<L>(e, block, f);
    load<L>(k, e.node, block, h);
    send<L>(f, h, e.x, e.y, e.z, total);
  }
  load<L>(k, i, block, own);
  for (int a = n_alone; a < n; a++) {
    const Edge &e = edges[a];
    filter<L>(e, block, f);
    load<L>(k, e.node, block, h);
    send<L>(f, h, e.x, e.y, e.z, total);
    S *to = sums + static_cast<std::size_t>(e.node) * ROW + block * 4 * LANES;
    V other[4];
    for (int m = 0; m < 4; m++) other[m] = ld(to + m * LANES);
    send<L>(f, own, -e.x, -e.y, -e.z, other);
    for (int m = 0; m < 4; m++) st(to + m * LANES, other[m]);
  }
  S *to = sums + static_cast<std::size_t>(i) * ROW + block * 4 * LANES;
  for (int m = 0; m < 4; m++) st(to + m * LANES, ALONE ? total[m] : ld(to + m * LANES) + total[m]);
}

// Messages to the atoms of a part.
template <class L> void receive_all(const Kernel &k, int begin, int end)
{
  S *const sums = k.sums.data();
  std::memset(sums + static_cast<std::size_t>(begin) * ROW, 0,
              static_cast<std::size_t>(end - begin) * ROW * sizeof(S));
  for (int chunk = begin; chunk < end; chunk += CHUNK)
#pragma GCC unroll 1
    for (int block = 0; block < BLOCKS; block++)
      for (int i = chunk; i < std::min(chunk + CHUNK, end); i++)
        receive<L, false>(k, i, block, sums);
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

// Adjoint of `receive`, one block. sums[a]: SPAN numbers of each edge, its gradient along the table
// and by its direction, in parts. place: where the gradients of a node's features are.
template <class L, class Place>
void receive_adjoint(const Kernel &k, int i, int block, S *sums, Place place)
{
  constexpr int N = filters<L>(), M = L::FIRST ? 0 : 6;
  const Edge *const edges = k.edges.data() + k.first[i];
  const int n_alone = k.alone.data()[i], n = k.active.data()[i];
  const S *const residual = k.residual.data();
  V d[4], own[6], d_own[6] = {};
  const auto load_gradient = [&](int node, V *to) {
    const S *from = residual + static_cast<std::size_t>(node) * ROW + block * 4 * LANES;
    for (int m = 0; m < 4; m++) to[m] = ld(from + m * LANES);
  };
  load_gradient(i, d);
  load<L>(k, i, block, own);
  for (int a = 0; a < n; a++) {
    const Edge &e = edges[a];
    V f[3], slope[3], h[6], dh[6], g[3] = {}, u[3] = {};
    filter<L>(e, block, f, slope);
    load<L>(k, e.node, block, h);
    S *const to = L::FIRST ? nullptr : place(e.node) + block * 6 * LANES;
    for (int m = 0; m < M; m++) dh[m] = ld(to + m * LANES);
    send_adjoint<L>(f, h, e.x, e.y, e.z, d, dh, g, u);
    for (int m = 0; m < M; m++) st(to + m * LANES, dh[m]);
    if (a >= n_alone) {
      V other[4], back[3] = {};
      load_gradient(e.node, other);
      send_adjoint<L>(f, own, -e.x, -e.y, -e.z, other, d_own, g, back);
      for (int c = 0; c < 3; c++) u[c] -= back[c];
    }
    V along = g[0] * slope[0];
    for (int p = 1; p < N; p++) along += g[p] * slope[p];
    add_sums(sums + a * SPAN, along, u[0], u[1], u[2]);
  }
  if constexpr (!L::FIRST) {
    S *const to = place(i) + block * 6 * LANES;
    for (int m = 0; m < M; m++) st(to + m * LANES, ld(to + m * LANES) + d_own[m]);
  }
}

// Gradients by the edge vectors of atom i. The last layer sets them, the others add. An edge that
// stands for its reverse has the gradient of both.
template <class L> void edge_gradients(const Kernel &k, int i, const S *sums, double *gradient)
{
  const Edge *const edges = k.edges.data() + k.first[i];
  const int n_all = static_cast<int>(k.first[i + 1] - k.first[i]), n = k.active.data()[i];
  for (int a = 0; a < n_all; a++) {
    const Edge &e = edges[a];
    double *const to = gradient + 3 * e.id;
    if (L::LAST) to[0] = to[1] = to[2] = 0.0;
    if (a >= n) continue;
    double total[4] = {0.0, 0.0, 0.0, 0.0};
    for (int q = 0; q < SPAN; q++) total[q / (SPAN / 4)] += sums[a * SPAN + q];
    const double u[3] = {e.x, e.y, e.z}, inverse = e.inverse;
    // what remains of the derivative by direction is across the edge, and falls off as 1/r
    const double across = (total[1] * u[0] + total[2] * u[1] + total[3] * u[2]) * inverse;
    const double part = total[0] * (1.0 / STEP) - across;
    for (int c = 0; c < 3; c++) to[c] += total[1 + c] * inverse + part * u[c];
  }
}

// Adjoint of the messages to the atoms of a part.
template <class L>
void receive_adjoint_all(Kernel &k, Scratch &s, int begin, int end, double *gradient)
{
  const bool alone = k.threads == 1;
  S *const own = k.gradients[L::INDEX].data(), *const others = s.gradients.data();
  const int *slot = s.slot.data();
  const auto place = [=](int node) {
    return alone || (node >= begin && node < end)
        ? own + static_cast<std::size_t>(node) * width<L>()
        : others + static_cast<std::size_t>(slot[node]) * width<L>();
  };
  for (int chunk = begin; chunk < end; chunk += CHUNK) {
    const int stop = std::min(chunk + CHUNK, end);
    const std::int64_t first = k.first[chunk];
    const std::size_t size = static_cast<std::size_t>(k.first[stop] - first) * SPAN;
    S *const sums = s.edge_sums.reserve(size + 1);
    std::memset(sums, 0, size * sizeof(S));
#pragma GCC unroll 1
    for (int block = 0; block < BLOCKS; block++)
      for (int i = chunk; i < stop; i++)
        receive_adjoint<L>(k, i, block, sums + (k.first[i] - first) * SPAN, place);
    for (int i = chunk; i < stop; i++)
      edge_gradients<L>(k, i, sums + (k.first[i] - first) * SPAN, gradient);
  }
}

}    // namespace
