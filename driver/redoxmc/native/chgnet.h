// CHGNet (equations in models/chgnet.py), as kernel.cpp calls it: one layer, which evaluates ghosts
// itself.
#pragma once

#include "chgnet_angles.h"
#include "chgnet_edges.h"

namespace {

template <class L> constexpr int width() { return 0; }

// Energy of an atom from its row after all layers; the row becomes its gradient where BACK.
template <bool BACK> double read_out(S *h)
{
  S mean = 0, squares = 0, x[WIDTH] = {}, z[WIDTH], slope[N_READOUT][WIDTH];
  for (int f = 0; f < FEATURES; f++) mean += h[f] * S(1.0 / FEATURES);
  for (int f = 0; f < FEATURES; f++) squares += (h[f] - mean) * (h[f] - mean);
  const S inverse = S(1) / std::sqrt(squares * S(1.0 / FEATURES) + S(NORM_EPS));
  for (int f = 0; f < FEATURES; f++) {
    h[f] = (h[f] - mean) * inverse;
    x[f] = h[f] * W[NORM_SCALE + f] + W[NORM_SHIFT + f];
  }
  for (int layer = 0; layer < N_READOUT; layer++) {
    times<WIDTH, WIDTH>(x, 1, READOUT[layer].forward, slope[layer], READOUT_BIAS[layer]);
    silu(slope[layer], x, WIDTH);
  }
  double energy = ENERGY_CONSTANT;
  for (int f = 0; f < FEATURES; f++)
    energy += static_cast<double>(x[f]) * static_cast<double>(W[ENERGY + f]);
  if (!BACK) return energy;
  copy(x, W + ENERGY, WIDTH);
  for (int layer = N_READOUT - 1; layer >= 0; layer--) {
    for (int f = 0; f < WIDTH; f++) z[f] = x[f] * slope[layer][f];
    times<WIDTH, WIDTH>(z, 1, READOUT[layer].back, x);
  }
  S sum = 0, along = 0;
  for (int f = 0; f < FEATURES; f++) {
    x[f] *= W[NORM_SCALE + f];
    sum += x[f] * S(1.0 / FEATURES);
    along += x[f] * h[f] * S(1.0 / FEATURES);
  }
  for (int f = 0; f < FEATURES; f++) h[f] = (x[f] - sum - h[f] * along) * inverse;
  return energy;
}

// The last layer and energies; its adjoint, too, where BACK, while its edges are at hand.
template <bool BACK> void finish(Kernel &k, double *energy)
{
  constexpr int LAST = N_ATOM_LAYERS - 1;
  project(k, LAST);
  zeros(k.sums, static_cast<std::size_t>(k.n_local) * WIDTH);
  S *const dh = zeros(k.dh, static_cast<std::size_t>(k.n_nodes) * WIDTH);
  if (BACK) begin_back(k, LAST);
  share_receivers(k, k.n_owned, [&](Scratch &s, int begin, int end) {
    each_chunk(k.first, begin, end, [&](int i, int j, std::int64_t e, int n) {
      const Rows t(s, n);
      edge_layers(k, LAST, e, n, t);
      receive(k, LAST, e, n, t);
      convolve(k, LAST, i, j, dh + i * WIDTH);
      for (int atom = i; atom < j; atom++) energy[atom] = read_out<BACK>(dh + atom * WIDTH);
      if (!BACK) return;
      times<WIDTH, WIDTH>(dh + i * WIDTH, j - i, ATOMS[LAST].out.back, row(k.dsums, i));
      receive_back(k, s, LAST, e, n, t);
    });
  });
  if (BACK) end_back(k, LAST);
}

inline void read_moments(Kernel &k)
{
  const S *const h = k.h[N_BOND_LAYERS].data();
  for (int i = 0; i < k.n_owned; i++) {
    double total = MOMENT_CONSTANT;
    for (int f = 0; f < FEATURES; f++)
      total += static_cast<double>(h[i * WIDTH + f]) * static_cast<double>(W[MOMENT + f]);
    k.moment.data()[i] = std::fabs(total);
  }
}

inline void run_layers(Kernel &k)
{
  const std::size_t bonds = k.bonds.size(), receivers = k.n_local;
  S *const h = k.h[0].reserve(static_cast<std::size_t>(k.n_nodes) * WIDTH + 1);
  for (int i = 0; i < k.n_nodes; i++) copy(h + i * WIDTH, W + EMBEDDING + k.species[i] * WIDTH, WIDTH);
  k.first_part.reserve(bonds * WIDE + 1);
  k.second_part.reserve(bonds * WIDE + 1);
  k.centre_part.reserve(receivers * WIDE + 1);
  // one array for sums over edges and over angles
  k.sums.reserve(std::max(bonds, receivers) * WIDTH + 1);
  k.dsums.reserve(std::max(bonds, receivers) * WIDTH + 1);
  for (int layer = 0; layer < N_BOND_LAYERS; layer++) {
    update_atoms(k, layer);
    update_bonds(k, layer);
    if (layer + 1 < N_BOND_LAYERS) update_angles(k, layer);
  }
  read_moments(k);
}

// Gradients by edge vectors, from those by lengths and angles.
inline void collect(const Kernel &k, double *gradient)
{
  std::fill(gradient, gradient + 3 * k.first[k.n_local], 0.0);
  for (std::size_t e = 0; e < k.edges.size(); e++) {
    const double *const v = k.vectors + 3 * e;
    const double part = k.along.data()[e] * (1.0 / EDGE_STEP) /
        std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    for (int c = 0; c < 3; c++) gradient[3 * e + c] = part * v[c];
  }
  std::vector<double> turn(3 * k.bonds.size(), 0.0);
  for (std::size_t n = 0; n < k.angles.size(); n++) {
    const Angle &angle = k.angles[n];
    const double g = k.dangle.data()[n] * (1.0 / ANGLE_STEP) * angle.slope;
    for (int c = 0; c < 3; c++) {
      turn[3 * angle.first + c] += g * k.bonds[angle.second].unit[c];
      turn[3 * angle.second + c] += g * k.bonds[angle.first].unit[c];
    }
  }
  for (std::size_t f = 0; f < k.bonds.size(); f++) {
    const Bond &bond = k.bonds[f];
    const double *const d = turn.data() + 3 * f, *const u = bond.unit;
    V slope{};
    for (int m = 0; m < WIDTH; m += LANES)
      slope += ld(row(k.db, f) + m) * ld(row(k.b_slope, f) + m) +
          ld(row(k.dweight, f) + m) * ld(row(k.weight_slope, f) + m);
    // what turns a bond is across it, and falls off as 1/r
    const double part = sum(slope) - (d[0] * u[0] + d[1] * u[1] + d[2] * u[2]) * bond.inverse;
    for (int c = 0; c < 3; c++) gradient[3 * bond.edge + c] += d[c] * bond.inverse + part * u[c];
  }
}

template <class L> void forward(Kernel &k, const int *, int, double *energy)
{
  run_layers(k);
  finish<false>(k, energy);
}

template <class L> void backward(Kernel &k, double *energy, double *gradient)
{
  run_layers(k);
  zeros(k.db, k.bonds.size() * WIDTH);
  zeros(k.dweight, k.bonds.size() * WIDTH);
  zeros(k.da, k.angles.size() * WIDTH);
  std::fill_n(k.along.reserve(k.edges.size() + 1), k.edges.size(), 0.0);
  std::fill_n(k.dangle.reserve(k.angles.size() + 1), k.angles.size(), 0.0);
  finish<true>(k, energy);
  for (int layer = N_BOND_LAYERS - 1; layer >= 0; layer--) {
    if (layer + 1 < N_BOND_LAYERS) update_angles_back(k, layer);
    update_bonds_back(k, layer);
    update_atoms_back(k, layer);
  }
  collect(k, gradient);
}

// After a new graph.
void prepare(Kernel &k)
{
  find_counts(k);
  find_bonds(k);
  find_angles(k);
  tabulate_bonds(k);
  number_slots<false>(k);
  k.moment.reserve(k.n_owned + 1);
}

double *output(Kernel &k, int) { return k.moment.data(); }

}    // namespace
