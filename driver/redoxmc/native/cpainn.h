// cPaiNN, layer by layer, as kernel.cpp calls it. A layer is a message, an update, and what the atom
// sends in the next layer. The equations are in models/cpainn.py.
#pragma once

#include "cpainn_edges.h"
#include "cpainn_nodes.h"

namespace {

// Updates of atoms begin to end - 1, whose messages have come, and what follows from them.
template <class L> void update_all(Kernel &k, Scratch &s, int begin, int end, double *energy)
{
  const Tile tile(s);
  for (int i = begin; i < end; i += TILE) {
    const int n = std::min(TILE, end - i);
    update<L>(k, i, n, tile);
    if constexpr (!L::LAST) {
      std::fill(energy + i, energy + i + n, 0.0);
    } else {
      read_out(k, i, n, tile, energy);
      update_adjoint<L>(k, i, n, tile);
    }
  }
}

template <class L> void forward(Kernel &k, const int *atoms, int n_atoms, double *energy)
{
  share(k, atoms ? n_atoms : k.n_local, [&](int part, int begin, int end) {
    Scratch &s = *k.scratch[part];
    if (!atoms) {
      receive_all<L>(k, s, begin, end);
      update_all<L>(k, s, begin, end, energy);
      return;
    }
    for (int next = begin; next < end;) {    // runs of atoms in a row
      const int from = atoms[next];
      do next++;
      while (next < end && atoms[next] == atoms[next - 1] + 1);
      const int to = atoms[next - 1] + 1;
      receive_some<L>(k, s, from, to);
      update_all<L>(k, s, from, to, energy);
    }
  });
}

template <class L> void backward(Kernel &k, double *energy, double *gradient)
{
  constexpr std::size_t STEP = width<L>();
  S *const sums = L::FIRST ? nullptr : k.gradients[L::INDEX].reserve(k.n_nodes * STEP);
  share(k, k.n_local, [&](int part, int begin, int end) {
    Scratch &s = *k.scratch[part];
    if constexpr (L::LAST) {
      receive_all<L>(k, s, begin, end);
      update_all<L>(k, s, begin, end, energy);
    } else {
      const Tile tile(s);
      for (int i = begin; i < end; i += TILE) {
        const int n = std::min(TILE, end - i);
        gather_gradients<L>(k, i, n, tile);
        update_adjoint<L>(k, i, n, tile);
      }
    }
    if constexpr (!L::FIRST) {
      const int stop = k.threads == 1 ? k.n_nodes : end;
      std::memset(sums + begin * STEP, 0, (stop - begin) * STEP * sizeof(S));
      if (k.threads > 1)
        std::memset(s.gradients.reserve(s.n_slots * STEP + 1), 0, s.n_slots * STEP * sizeof(S));
    }
    receive_adjoint_all<L>(k, s, begin, end, gradient);
  });
  if (!L::FIRST && k.threads > 1) add_touched(k, sums, STEP, k.n_local);
}

// After a new graph.
void prepare(Kernel &k)
{
  const std::size_t n = k.n_local + 1;
  k.sums.reserve(n * ROW);
  k.residual.reserve(n * ROW);
  for (int layer = 0; layer < N_LAYERS; layer++) {
    k.mixed[layer].reserve(n * 6 * WIDTH);
    k.gate[layer].reserve(n * 3 * WIDTH);
    k.slope[layer].reserve(n * WIDTH);
    k.sent_slope[layer].reserve(n * WIDTH);
  }
  for (auto &output : k.outputs) output.reserve(n);
  number_slots<true>(k);
  find_edges(k);
}

double *output(Kernel &k, int index) { return k.outputs[index + 1].data(); }

}    // namespace
