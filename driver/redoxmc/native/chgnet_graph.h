// Bonds and angles of a graph, and how far into it each layer must look.
#pragma once

#include "chgnet_state.h"

namespace {

constexpr double PAIR_TOLERANCE = 1e-3;    // Å, between a bond and minus its reverse

// For each layer how many atoms, the first ones, must receive messages in it; see models/reach.py.
inline void find_counts(Kernel &k)
{
  int reach = k.n_owned;
  for (int layer = N_ATOM_LAYERS - 1; layer >= 0; layer--) {
    k.counts[layer] = reach;
    for (std::int64_t e = 0; e < k.first[k.counts[layer]]; e++)
      reach = std::max(reach, static_cast<int>(k.sender[e]) + 1);
    reach = std::min(reach, k.n_local);
  }
}

inline void find_bonds(Kernel &k)
{
  const std::int64_t n = k.first[k.counts[0]];
  k.edges.resize(n);
  k.bonds.clear();
  k.bond_first.assign(k.n_local + 1, 0);
  for (int i = 0; i < k.counts[0]; i++) {
    for (std::int64_t e = k.first[i]; e < k.first[i + 1]; e++) {
      const double *const v = k.vectors + 3 * e;
      const double r = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), inverse = 1.0 / r;
      const int from = static_cast<int>(k.sender[e]);
      k.edges[e] = {i, from, r < BOND_CUTOFF ? static_cast<int>(k.bonds.size()) : -1, {}};
      k.edges[e].spline.set(r * (1.0 / EDGE_STEP), EDGE_INTERVALS);
      if (r < BOND_CUTOFF)
        k.bonds.push_back({i, from, -1, e, {v[0] * inverse, v[1] * inverse, v[2] * inverse}, inverse});
    }
    k.bond_first[i + 1] = static_cast<std::int64_t>(k.bonds.size());
  }
  for (int i = k.counts[0]; i < k.n_local; i++) k.bond_first[i + 1] = k.bond_first[i];
  for (auto &bond : k.bonds) {
    if (bond.from >= k.counts[0]) continue;
    const double *const v = k.vectors + 3 * bond.edge;
    for (std::int64_t other = k.bond_first[bond.from]; other < k.bond_first[bond.from + 1]; other++) {
      const double *const u = k.vectors + 3 * k.bonds[other].edge;
      if (k.bonds[other].from == bond.to && std::fabs(v[0] + u[0]) < PAIR_TOLERANCE &&
          std::fabs(v[1] + u[1]) < PAIR_TOLERANCE && std::fabs(v[2] + u[2]) < PAIR_TOLERANCE)
        bond.reverse = static_cast<int>(other);
    }
  }
}

inline void find_angles(Kernel &k)
{
  k.angles.clear();
  k.angle_first.assign(k.n_local + 1, 0);
  for (int i = 0; i < k.n_local; i++) {
    for (std::int64_t f = k.bond_first[i]; f < k.bond_first[i + 1]; f++)
      for (std::int64_t s = k.bond_first[i]; s < k.bond_first[i + 1]; s++) {
        if (f == s) continue;
        const double *const u = k.bonds[f].unit, *const v = k.bonds[s].unit;
        // as the model does it: nothing is quite parallel
        const double cosine = (u[0] * v[0] + u[1] * v[1] + u[2] * v[2]) * (1 - 1e-6);
        const double slope = -(1 - 1e-6) / std::sqrt(1 - cosine * cosine);
        k.angles.push_back({static_cast<int>(f), static_cast<int>(s), slope, {}});
        k.angles.back().spline.set(std::acos(cosine) * (1.0 / ANGLE_STEP), ANGLE_INTERVALS);
      }
    k.angle_first[i + 1] = static_cast<std::int64_t>(k.angles.size());
  }
}

// Features and weights of bonds from their lengths.
inline void tabulate_bonds(Kernel &k)
{
  struct Point {
    Spline spline;
  };
  const std::size_t n = k.bonds.size();
  S *const features = k.b[0].reserve(n * WIDTH + 1), *const slopes = k.b_slope.reserve(n * WIDTH + 1);
  S *const weight = k.weight.reserve(n * WIDTH + 1), *const fall = k.weight_slope.reserve(n * WIDTH + 1);
  S both[WIDE];
  for (std::size_t f = 0; f < n; f++) {
    Point at;
    at.spline.set(1.0 / (k.bonds[f].inverse * BOND_STEP), BOND_INTERVALS);
    look_up<WIDE, BOND_INTERVALS>(BOND_TABLE, &at, 1, both, WIDE);
    copy(features + f * WIDTH, both, WIDTH);
    copy(weight + f * WIDTH, both + WIDTH, WIDTH);
    for (int j = 0; j < COEFFICIENTS; j++) at.spline.value[j] = at.spline.slope[j] * S(1.0 / BOND_STEP);
    look_up<WIDE, BOND_INTERVALS>(BOND_TABLE, &at, 1, both, WIDE);
    copy(slopes + f * WIDTH, both, WIDTH);
    copy(fall + f * WIDTH, both + WIDTH, WIDTH);
  }
}

}    // namespace
