// Updates of cPaiNN's atoms (equations 9 and 10), what they send next, and their adjoints: dense
// layers on several atoms at a time.
#pragma once

#include "cpainn_state.h"

#include <cmath>

namespace {

// y = x w of so many rows, each [K] and [N] without gaps.
template <int K, int N, bool ADD = false> void dense(const S *x, int rows, const S *w, S *y)
{
  int row = 0;
  for (; row + 8 <= rows; row += 8)
    product<8, 1, K, N, ADD>(x + row * K, K, 0, w, y + row * N, N);
  for (; row + 2 <= rows; row += 2)
    product<2, 1, K, N, ADD>(x + row * K, K, 0, w, y + row * N, N);
  if (row < rows) product<1, 1, K, N, ADD>(x + row * K, K, 0, w, y + row * N, N);
}

// The same with a bias.
template <int K, int N> void dense(const S *x, int rows, const S *w, const S *bias, S *y)
{
  for (int row = 0; row < rows; row++) copy(y + row * N, bias, N);
  dense<K, N, true>(x, rows, w, y);
}

// Buffers for TILE atoms.
struct Tile {
  S *s, *v, *input, *hidden, *wide, *mixed;

  explicit Tile(Scratch &scratch)
  {
    S *p = scratch.small.reserve(TILE * 20 * WIDTH);
    for (auto [array, n] : {std::pair{&s, 1}, {&v, 3}, {&input, 2}, {&hidden, 1}, {&wide, 3},
                            {&mixed, 6}}) {
      *array = p;
      p += TILE * n * WIDTH;
    }
  }
};

// One block of scalar and vector of atom a, [s vx vy vz][LANES] at `from`, added to its rows.
INLINE void add_block(const S *from, int a, int block, S *s, S *v)
{
  S *const to[4] = {s + a * WIDTH, v + 3 * a * WIDTH, v + (3 * a + 1) * WIDTH, v + (3 * a + 2) * WIDTH};
  for (int m = 0; m < 4; m++)
    st(to[m] + block * LANES, ld(to[m] + block * LANES) + ld(from + m * LANES));
}

// Each lane of the rows of an atom's vector, over components.
template <typename Work> INLINE void each_block(int n, Work work)
{
  for (int a = 0; a < n; a++)
    for (int block = 0; block < BLOCKS; block++) work(a, block, block * LANES);
}

template <class L> S *scalars_after(const Kernel &k, int i)
{
  return k.carry.data() + static_cast<std::size_t>(i) * CARRY + L::INDEX * WIDTH;
}
template <class L> S *rows_of(const Array<S> (&arrays)[N_LAYERS], int i, int n)
{
  return arrays[L::INDEX].data() + static_cast<std::size_t>(i) * n * WIDTH;
}
template <class L> S *next_features(const Array<S> (&arrays)[N_LAYERS + 1], int i)
{
  return arrays[L::INDEX + 1].data() + static_cast<std::size_t>(i) * 6 * WIDTH;
}

// Scalars and vectors of atoms i to i + n - 1 with their messages.
template <class L> void gather(const Kernel &k, int i, int n, const Tile &t)
{
  for (int a = 0; a < n; a++) {
    const S *from = L::FIRST ? W + EMBEDDING + k.species[i + a] * WIDTH
                             : scalars_after<L>(k, i + a) - WIDTH;
    copy(t.s + a * WIDTH, from, WIDTH);
  }
  each_block(n, [&](int a, int block, int f) {
    for (int c = 0; c < 3; c++) {
      S *const to = t.v + (3 * a + c) * WIDTH + f;
      if constexpr (L::FIRST)
        st(to, V{});
      else
        st(to, ld(k.features[L::INDEX].data() + static_cast<std::size_t>(i + a) * width<L>() +
                  (block * 6 + 3 + c) * LANES));
    }
    add_block(row_of(k.sums.data(), i + a, block), a, block, t.s, t.v);
  });
}

// Products of the two halves that the mixing matrix makes of an atom's vectors: left . right, and
// right . right.
INLINE void inner(const S *mixed, int a, int f, V &product, V &square)
{
  product = square = V{};
  for (int c = 0; c < 3; c++) {
    const S *row = mixed + (3 * a + c) * 2 * WIDTH + f;
    const V left = ld(row), right = ld(row + WIDTH);
    product += left * right;
    square += right * right;
  }
}

constexpr double SMALL = 1e-8;    // of models/cpainn.py: added to the square of the norm

INLINE V norm_of(V square)
{
  S part[LANES];
  st(part, square);
  for (int lane = 0; lane < LANES; lane++) part[lane] = std::sqrt(part[lane] + S(SMALL));
  return ld(part);
}

// New scalars of atoms i to i + n - 1 in t.s, new vectors and messages in the features of the next
// layer.
template <class L> void update(Kernel &k, int i, int n, const Tile &t)
{
  constexpr int G = gates<L>();
  gather<L>(k, i, n, t);
  S *const mixed = rows_of<L>(k.mixed, i, 6), *const hidden = rows_of<L>(k.slope, i, 1);
  S *const gate = rows_of<L>(k.gate, i, G);
  dense<WIDTH, 2 * WIDTH>(t.v, 3 * n, W + L::MIX, mixed);
  each_block(n, [&](int a, int, int f) {
    V product, square;
    inner(mixed, a, f, product, square);
    st(t.input + a * 2 * WIDTH + f, ld(t.s + a * WIDTH + f));
    st(t.input + (2 * a + 1) * WIDTH + f, norm_of(square));
  });
  dense<2 * WIDTH, WIDTH>(t.input, n, W + L::IN, W + L::IN_BIAS, hidden);
  silu(hidden, t.hidden, n * WIDTH);
  dense<WIDTH, G * WIDTH>(t.hidden, n, W + L::OUT, W + L::OUT_BIAS, gate);
  each_block(n, [&](int a, int block, int f) {
    V product, square;
    inner(mixed, a, f, product, square);
    const S *g = gate + (a + 1) * G * WIDTH - 2 * WIDTH + f;    // of the product, of the scalars
    st(t.s + a * WIDTH + f, ld(t.s + a * WIDTH + f) + ld(g + WIDTH) + ld(g) * product);
    if constexpr (!L::LAST)
      for (int c = 0; c < 3; c++) {
        const S *v = t.v + (3 * a + c) * WIDTH + f, *left = mixed + (3 * a + c) * 2 * WIDTH + f;
        st(next_features<L>(k.features, i + a) + (block * 6 + 3 + c) * LANES,
           ld(v) + ld(g - WIDTH) * ld(left));
      }
  });
  if constexpr (!L::LAST) {
    for (int a = 0; a < n; a++) copy(scalars_after<L>(k, i + a), t.s + a * WIDTH, WIDTH);
    S *const sent = rows_of<L>(k.sent_slope, i, 1);
    dense<WIDTH, WIDTH>(t.s, n, W + L::SEND_IN, W + L::SEND_IN_BIAS, sent);
    silu(sent, t.hidden, n * WIDTH);
    dense<WIDTH, 3 * WIDTH>(t.hidden, n, W + L::SEND_OUT, W + L::SEND_OUT_BIAS, t.wide);
    each_block(n, [&](int a, int block, int f) {
      for (int p = 0; p < 3; p++)
        st(next_features<L>(k.features, i + a) + (block * 6 + p) * LANES,
           ld(t.wide + (3 * a + p) * WIDTH + f));
    });
  }
}

// Outputs of the heads from the scalars t.s; leaves the gradient of the energy there.
void read_out(Kernel &k, int i, int n, const Tile &t, double *energy)
{
  for (int head = N_HEADS - 1; head >= 0; head--) {    // the energy last: its slopes stay
    dense<WIDTH, HEAD>(t.s, n, W + HEAD_IN[head], W + HEAD_BIAS[head], t.wide);
    silu(t.wide, t.input, n * HEAD);
    const S *const out = W + HEAD_OUT[head];
    for (int a = 0; a < n; a++) {
      double total = HEAD_CONSTANT[head];
      for (int u = 0; u < HEAD; u++)
        total += static_cast<double>(t.input[a * HEAD + u]) * static_cast<double>(out[u]);
      (head ? k.outputs[head].data() : energy)[i + a] = total;
    }
  }
  for (int a = 0; a < n; a++)
    for (int u = 0; u < HEAD; u++) t.wide[a * HEAD + u] *= W[HEAD_OUT[0] + u];
  dense<HEAD, WIDTH>(t.wide, n, W + HEAD_IN_ADJOINT, t.s);
}

INLINE void multiply(S *x, const S *y, int n)
{
  for (int m = 0; m < n; m++) x[m] *= y[m];
}

// Gradients by the new scalars and vectors of atoms, t.s and t.v, from those of the features that
// their neighbours read and from what the next layer left.
template <class L> void gather_gradients(Kernel &k, int i, int n, const Tile &t)
{
  each_block(n, [&](int a, int block, int f) {
    const S *from = next_features<L>(k.gradients, i + a) + block * 6 * LANES;
    for (int p = 0; p < 3; p++) {
      st(t.wide + (3 * a + p) * WIDTH + f, ld(from + p * LANES));
      st(t.v + (3 * a + p) * WIDTH + f, ld(from + (3 + p) * LANES));
    }
  });
  dense<3 * WIDTH, WIDTH>(t.wide, n, W + L::SEND_OUT_ADJOINT, t.hidden);
  multiply(t.hidden, rows_of<L>(k.sent_slope, i, 1), n * WIDTH);
  dense<WIDTH, WIDTH>(t.hidden, n, W + L::SEND_IN_ADJOINT, t.s);
  each_block(n, [&](int a, int block, int) {
    add_block(row_of(k.residual.data(), i + a, block), a, block, t.s, t.v);
  });
}

// Adjoint of `update`, from the gradients by its results in t.s and t.v; leaves those by scalars and
// vectors with their messages in the residuals.
template <class L> void update_adjoint(Kernel &k, int i, int n, const Tile &t)
{
  constexpr int G = gates<L>();
  const S *const mixed = rows_of<L>(k.mixed, i, 6), *const gate = rows_of<L>(k.gate, i, G);
  each_block(n, [&](int a, int, int f) {
    V product, square, for_vectors{};
    inner(mixed, a, f, product, square);
    const V ds = ld(t.s + a * WIDTH + f);
    if constexpr (!L::LAST) {
      for (int c = 0; c < 3; c++)
        for_vectors += ld(t.v + (3 * a + c) * WIDTH + f) * ld(mixed + (3 * a + c) * 2 * WIDTH + f);
      st(t.wide + a * G * WIDTH + f, for_vectors);
    }
    S *const g = t.wide + (a + 1) * G * WIDTH - 2 * WIDTH + f;
    st(g, ds * product);
    st(g + WIDTH, ds);
  });
  dense<G * WIDTH, WIDTH>(t.wide, n, W + L::OUT_ADJOINT, t.hidden);
  multiply(t.hidden, rows_of<L>(k.slope, i, 1), n * WIDTH);
  dense<WIDTH, 2 * WIDTH>(t.hidden, n, W + L::IN_ADJOINT, t.input);
  each_block(n, [&](int a, int, int f) {
    V product, square;
    inner(mixed, a, f, product, square);
    const V d_product = ld(t.s + a * WIDTH + f) * ld(gate + (a + 1) * G * WIDTH - 2 * WIDTH + f);
    const V d_right = ld(t.input + (2 * a + 1) * WIDTH + f) / norm_of(square);
    for (int c = 0; c < 3; c++) {
      const int row = (3 * a + c) * 2 * WIDTH + f;
      const V left = ld(mixed + row), right = ld(mixed + row + WIDTH);
      V d_left = d_product * right;
      if constexpr (!L::LAST) d_left += ld(t.v + (3 * a + c) * WIDTH + f) * ld(gate + a * G * WIDTH + f);
      st(t.mixed + row, d_left);
      st(t.mixed + row + WIDTH, d_product * left + d_right * right);
    }
  });
  S *const dv = t.wide;    // [n][3][WIDTH]
  dense<2 * WIDTH, WIDTH>(t.mixed, 3 * n, W + L::MIX_ADJOINT, dv);
  each_block(n, [&](int a, int block, int f) {
    S *const to = row_of(k.residual.data(), i + a, block);
    st(to, ld(t.s + a * WIDTH + f) + ld(t.input + a * 2 * WIDTH + f));
    for (int c = 0; c < 3; c++) {
      V d = ld(dv + (3 * a + c) * WIDTH + f);
      if constexpr (!L::LAST) d += ld(t.v + (3 * a + c) * WIDTH + f);
      st(to + (1 + c) * LANES, d);
    }
  });
}

}    // namespace
