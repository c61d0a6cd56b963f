// MACE, layer by layer, as kernel.cpp calls it.
#pragma once

#include "mace_atoms.h"

#include <algorithm>

namespace {

template <class L> void backward(Kernel &k, double *energy, double *gradient)
{
  constexpr std::size_t STEP = width<L>();
  S *const sums = L::FIRST ? nullptr : k.gradients[L::INDEX].reserve(k.n_nodes * STEP);
  if (!L::FIRST && k.threads == 1) std::memset(sums, 0, k.n_nodes * STEP * sizeof(S));
  share(k, k.n_local, [&](int part, int begin, int end) {
    Scratch &s = *k.scratch[part];
    const Local local(s, L::PHI);
    if (!L::FIRST && k.threads > 1)
      std::memset(s.gradients.reserve(s.n_slots * STEP + 1), 0, s.n_slots * STEP * sizeof(S));
    for (int i = begin; i < end; i++) {
      if constexpr (L::LAST) forward_atom<L>(k, i, s, local, energy);
      backward_atom<L>(k, i, s, local, gradient);
    }
  });
  if (!L::FIRST && k.threads > 1) add_touched(k, sums, STEP, 0);
}

template <class L> void forward(Kernel &k, const int *atoms, int n_atoms, double *energy)
{
  share(k, atoms ? n_atoms : k.n_local, [&](int part, int begin, int end) {
    Scratch &s = *k.scratch[part];
    const Local local(s, L::PHI);
    for (int a = begin; a < end; a++)
      forward_atom<L>(k, atoms ? atoms[a] : a, s, local, energy);
  });
}

// After a new graph.
void prepare(Kernel &k)
{
  for (int layer = 0; layer < N_LAYERS - 1; layer++)
    k.mixed[layer].reserve(static_cast<std::size_t>(k.n_local) * MIXED);
  k.hidden_gradient.reserve(static_cast<std::size_t>(k.n_local) * HIDDEN + 1);
  number_slots<false>(k);
}

constexpr const char *OUTPUTS = "";
double *output(Kernel &, int) { return nullptr; }

}    // namespace
