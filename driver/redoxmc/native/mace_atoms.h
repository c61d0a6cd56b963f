// A layer on one atom, and its adjoint.
#pragma once

#include "mace_edges.h"

namespace {

template <class L> const S *coefficients(int z, int block)
{
  constexpr std::size_t SIZE = L::MONOMIALS * LANES;
  return W + L::CONTRACTION + (static_cast<std::size_t>(z) * (CHANNELS / LANES) + block) * SIZE;
}

template <class L> void multiply(int z, const S *a, S *products)
{
#pragma GCC unroll 1
  for (int b = 0; b < CHANNELS / LANES; b++) {
    V x[N_HARMONICS], out[L::PRODUCTS];
    for (int m = 0; m < N_HARMONICS; m++) x[m] = ld(a + m * CHANNELS + b * LANES);
    L::contract(coefficients<L>(z, b), x, out);
    for (int m = 0; m < L::PRODUCTS; m++) st(products + m * CHANNELS + b * LANES, out[m]);
  }
}

template <class L> void multiply_adjoint(int z, const S *a, const S *d_products, S *da)
{
#pragma GCC unroll 1
  for (int b = 0; b < CHANNELS / LANES; b++) {
    V x[N_HARMONICS], dx[N_HARMONICS], d[L::PRODUCTS];
    for (int m = 0; m < N_HARMONICS; m++) {
      x[m] = ld(a + m * CHANNELS + b * LANES);
      dx[m] = V{};
    }
    for (int m = 0; m < L::PRODUCTS; m++) d[m] = ld(d_products + m * CHANNELS + b * LANES);
    L::contract_adjoint(coefficients<L>(z, b), x, d, dx);
    for (int m = 0; m < N_HARMONICS; m++) st(da + m * CHANNELS + b * LANES, dx[m]);
  }
}

// Energy of activated hidden units; puts its gradient into `gradient`.
double read_out(const S *hidden, S *gradient)
{
  double energy = 0.0;
  for (int u = 0; u < HIDDEN; u++) {
    const double x = hidden[u], out = W[HIDDEN_OUT + u] * ACTIVATION_SCALE;
    double f = x, slope = 1.0;
    if (ACTIVATION == 1) {
      const double s = 1.0 / (1.0 + std::exp(-x));
      f = x * s;
      slope = s * (1.0 + x * (1.0 - s));
    } else if (ACTIVATION == 2) {
      f = std::tanh(x);
      slope = 1.0 - f * f;
    }
    energy += out * f;
    gradient[u] = static_cast<S>(out * slope);
  }
  return energy;
}

struct Pointers {
  S *features[N_LAYERS + 1], *gradients[N_LAYERS + 1];
  Node node;

  Pointers(const Kernel &k, std::size_t i, S *hidden)
  {
    int layer = 0;
    const auto set = [&](int step) {
      features[layer] = layer ? k.features[layer].data() + i * step : nullptr;
      gradients[layer] =
          layer && k.gradients[layer].data() ? k.gradients[layer].data() + i * step : nullptr;
    };
    for (layer = 0; layer < N_LAYERS; layer++) FOR_LAYER(layer, set(width<L>()))
    node = {CARRY ? k.carry.data() + i * CARRY : nullptr, hidden,
            HIDDEN ? k.hidden_gradient.data() + i * HIDDEN : nullptr, features, gradients};
  }
};

// Buffers of one atom.
struct Local {
  S *phi, *a, *da, *products, *d_products, *hidden;

  explicit Local(Scratch &s, int n_phi)
  {
    phi = s.phi.reserve(static_cast<std::size_t>(n_phi) * CHANNELS);
    S *p = s.small.reserve(4 * MIXED + HIDDEN + 2 * LANES);
    a = p;
    da = a + MIXED;
    products = da + MIXED;
    d_products = products + MIXED;
    hidden = d_products + MIXED;
  }
};

template <class L>
void forward_atom(const Kernel &k, int i, Scratch &s, const Local &local, double *energy)
{
  const int z = static_cast<int>(k.species[i]);
  find_edges<L, L::LAST>(k, i, s.edges);
  aggregate<L>(k, s.edges, local.phi);
  S *a = L::LAST ? local.a : k.mixed[L::INDEX].data() + static_cast<std::size_t>(i) * MIXED;
  L::mix(W, z, local.phi, a);
  multiply<L>(z, a, local.products);
  const Pointers p(k, i, local.hidden);
  double e = L::LAST ? ENERGY_CONSTANTS[z] : 0.0;
  L::node_forward(W, z, local.products, p.node, e);
  if (L::LAST && HIDDEN) e += read_out(local.hidden, p.node.hidden_gradient);
  energy[i] = e;
}

template <class L>
void backward_atom(const Kernel &k, int i, Scratch &s, const Local &local, double *gradient)
{
  const int z = static_cast<int>(k.species[i]);
  if (!L::LAST) find_edges<L, true>(k, i, s.edges);
  const S *a = L::LAST ? local.a : k.mixed[L::INDEX].data() + static_cast<std::size_t>(i) * MIXED;
  const Pointers p(k, i, local.hidden);
  L::node_adjoint(W, z, p.node, local.d_products);
  multiply_adjoint<L>(z, a, local.d_products, local.da);
  L::mix_adjoint(W, z, local.da, local.phi);
  scatter<L>(k, s.edges, local.phi, s, gradient + 3 * k.first[i]);
}

}    // namespace
