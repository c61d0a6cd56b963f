// What MACE's kernels keep between calls.
#pragma once

#include "state.h"

#include <memory>

namespace {

// The edges of one atom, each quantity contiguous over edges.
struct Edges {
  int n = 0, stride = 0;
  Array<S> store;
  Array<double> lengths;
  Array<int> nodes;
  S *x, *y, *z, *inverse, *t, *Y, *G, *T;
  double *r;
  int *row, *sender;

  void reserve(int count, int n_terms)
  {
    n = count;
    stride = (count + LANES - 1) / LANES * LANES;
    S *p = store.reserve(static_cast<std::size_t>(stride) * (5 + N_HARMONICS + N_SLOPES + n_terms));
    for (S **array : {&x, &y, &z, &inverse, &t}) {
      *array = p;
      p += stride;
    }
    Y = p;
    G = Y + N_HARMONICS * stride;
    T = G + N_SLOPES * stride;
    r = lengths.reserve(stride);
    row = nodes.reserve(2 * stride);
    sender = row + stride;
  }
};

struct Scratch : Touched {
  Edges edges;
  Array<S> phi, small;
};

struct Kernel : Domain {
  Array<S> features[N_LAYERS + 1], gradients[N_LAYERS + 1], mixed[N_LAYERS];
  Array<S> carry, hidden_gradient;
  std::vector<std::unique_ptr<Scratch>> scratch;
};

}    // namespace
