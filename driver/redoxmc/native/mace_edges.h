// Messages along the edges of an atom, and their adjoint.
#pragma once

#include "mace_state.h"

#include <cmath>
#include <cstring>

namespace {

template <class L> constexpr int width() { return L::FEATURES * CHANNELS; }

constexpr int MIXED = N_HARMONICS * CHANNELS;

// Directions, table rows and harmonics of the edges of atom i; their slopes where SLOPES.
template <class L, bool SLOPES> void find_edges(const Kernel &k, int i, Edges &e)
{
  const std::int64_t begin = k.first[i];
  e.reserve(static_cast<int>(k.first[i + 1] - begin), L::TERMS);
  const double *v = k.vectors + 3 * begin;
  for (int a = 0; a < e.n; a++) {
    const double dx = v[3 * a], dy = v[3 * a + 1], dz = v[3 * a + 2];
    const double r = std::sqrt(dx * dx + dy * dy + dz * dz), inverse = 1.0 / r;
    e.x[a] = static_cast<S>(dx * inverse);
    e.y[a] = static_cast<S>(dy * inverse);
    e.z[a] = static_cast<S>(dz * inverse);
    e.inverse[a] = static_cast<S>(inverse);
    e.r[a] = r;
  }
  constexpr double per_angstrom = 1.0 / L::STEP;
  const int *pair = PAIR[k.species[i]];
  for (int a = 0; a < e.n; a++) {
    const double u = e.r[a] * per_angstrom;
    // the last row is zero; a distance that is not a number goes there, too, and stays visible in t
    const int row = u < L::INTERVALS ? static_cast<int>(u) : L::INTERVALS;
    const int node = static_cast<int>(k.sender[begin + a]);
    e.t[a] = static_cast<S>(u - row);
    e.row[a] = pair[k.species[node]] * (L::INTERVALS + 1) + row;
    e.sender[a] = node;
  }
  for (int a = e.n; a < e.stride; a++) e.x[a] = e.y[a] = e.z[a] = 0;
  for (int a = 0; a < e.stride; a += LANES) {
    const V x = ld(e.x + a), y = ld(e.y + a), z = ld(e.z + a);
    harmonics(x, y, z, e.Y + a, e.stride);
    if constexpr (SLOPES) harmonic_slopes(x, y, z, e.G + a, e.stride);
    L::terms(e.Y + a, e.T + a, e.stride);
  }
}

template <class L> typename L::Radial radial(const Edges &e, int a, int block)
{
  constexpr std::size_t SIZE = COEFFICIENTS * L::PATHS * LANES;
  return {W + L::TABLE + (static_cast<std::size_t>(e.row[a]) * (CHANNELS / LANES) + block) * SIZE,
          e.t[a]};
}

template <class L> const S *features_of(const Kernel &k, int node)
{
  if constexpr (L::FIRST)
    return W + FIRST_FEATURES + k.species[node] * CHANNELS;
  else
    return k.features[L::INDEX].data() + static_cast<std::size_t>(node) * width<L>();
}

// Sum of the messages to an atom.
template <class L> void aggregate(const Kernel &k, const Edges &e, S *phi)
{
#pragma GCC unroll 1
  for (int b = 0; b < CHANNELS / LANES; b++) {
    V total[L::PHI];
    for (int q = 0; q < L::PHI; q++) total[q] = V{};
    for (int a = 0; a < e.n; a++) {
      const S *features = features_of<L>(k, e.sender[a]) + b * LANES;
      V h[L::FEATURES];
      for (int m = 0; m < L::FEATURES; m++) h[m] = ld(features + m * CHANNELS);
      L::convolve(radial<L>(e, a, b), h, e.Y + a, e.T + a, e.stride, total);
    }
    for (int q = 0; q < L::PHI; q++) st(phi + q * CHANNELS + b * LANES, total[q]);
  }
}

// Gradients of messages back to the edges and to the features of the neighbours.
template <class L>
void scatter(const Kernel &k, const Edges &e, const S *dphi, Scratch &s, double *gradient)
{
  const int *slot = k.threads > 1 ? s.slot.data() : nullptr;
  S *const sums = k.threads > 1 ? s.gradients.data() : k.gradients[L::INDEX].data();
  for (int a = 0; a < e.n; a++) {
    const int node = e.sender[a];
    V dY[N_HARMONICS], gr{};
    for (int m = 0; m < N_HARMONICS; m++) dY[m] = V{};
    const S *features = features_of<L>(k, node);
    S *d_features =
        L::FIRST ? nullptr : sums + static_cast<std::size_t>(slot ? slot[node] : node) * width<L>();
#pragma GCC unroll 1
    for (int b = 0; b < CHANNELS / LANES; b++) {
      V h[L::FEATURES], dh[L::FEATURES];
      for (int m = 0; m < L::FEATURES; m++) {
        h[m] = ld(features + m * CHANNELS + b * LANES);
        if constexpr (!L::FIRST) dh[m] = ld(d_features + m * CHANNELS + b * LANES);
      }
      L::convolve_adjoint(radial<L>(e, a, b), h, e.Y + a, e.T + a, e.stride, dphi + b * LANES, gr,
                          dh, dY);
      if constexpr (!L::FIRST)
        for (int m = 0; m < L::FEATURES; m++) st(d_features + m * CHANNELS + b * LANES, dh[m]);
    }
    V g[3] = {V{}, V{}, V{}};
    direction_gradient(e.G + a, e.stride, dY, g);
    const double gx = sum(g[0]), gy = sum(g[1]), gz = sum(g[2]);
    const double along = sum(gr) * (1.0 / L::STEP);
    // what remains of the derivative by direction is across the edge, and falls off as 1/r
    const double x = e.x[a], y = e.y[a], z = e.z[a], inverse = e.inverse[a];
    const double part = along - (gx * x + gy * y + gz * z) * inverse;
    double *to = gradient + 3 * a;
    const double ex = gx * inverse + part * x, ey = gy * inverse + part * y,
                 ez = gz * inverse + part * z;
    if (L::LAST) {
      to[0] = ex;
      to[1] = ey;
      to[2] = ez;
    } else {
      to[0] += ex;
      to[1] += ey;
      to[2] += ez;
    }
  }
}

}    // namespace
