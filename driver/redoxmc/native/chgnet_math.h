// Dense products, tables and gated perceptrons on many rows: what CHGNet spends its time in.
#pragma once

#include "functions.h"
#include "spline.h"
#include "state.h"

#include <cmath>
#include <iterator>

namespace {

// columns of a matrix and of a table that are worked on together
constexpr int VECTORS = 4, PANEL = VECTORS * LANES, TABLE_PANEL = 2 * LANES;
constexpr int WIDE = 2 * WIDTH;
static_assert(WIDTH % PANEL == 0);
#ifdef __AVX512F__
constexpr int ROWS = 4;    // whose sums stay in registers
#else
constexpr int ROWS = 2;
#endif

enum Start { ZERO, SUM, BIAS };    // what a product is added to

template <int N, int K, Start START>
INLINE void panel(const S *x, int x_step, const S *w, S *y, int y_step, const S *bias)
{
  V a[N][VECTORS];
  for (int m = 0; m < N; m++)
    for (int b = 0; b < VECTORS; b++)
      a[m][b] = START == SUM ? ld(y + m * y_step + b * LANES) : START == BIAS ? ld(bias + b * LANES) : V{};
#pragma GCC unroll 2
  for (int k = 0; k < K; k++) {
    V weight[VECTORS];
    for (int b = 0; b < VECTORS; b++) weight[b] = ld(w + k * PANEL + b * LANES);
    for (int m = 0; m < N; m++) {
      const V value = V{} + x[m * x_step + k];
      for (int b = 0; b < VECTORS; b++) a[m][b] += value * weight[b];
    }
  }
  for (int m = 0; m < N; m++)
    for (int b = 0; b < VECTORS; b++) st(y + m * y_step + b * LANES, a[m][b]);
}

// y = x w of rows [K] and [N]; w: [N / PANEL][K][PANEL].
template <int K, int N, Start START = ZERO>
void times(const S *x, int x_step, int rows, const S *w, S *y, int y_step, const S *bias = nullptr)
{
  for (int column = 0; column < N; column += PANEL, w += K * PANEL) {
    const S *const b = START == BIAS ? bias + column : nullptr;
    int m = 0;
    for (; m + ROWS <= rows; m += ROWS)
      panel<ROWS, K, START>(x + m * x_step, x_step, w, y + m * y_step + column, y_step, b);
    for (; m < rows; m++)
      panel<1, K, START>(x + m * x_step, x_step, w, y + m * y_step + column, y_step, b);
  }
}
// Rows without gaps.
template <int K, int N, Start START = ZERO> void times(const S *x, std::int64_t rows, std::size_t w, S *y)
{
  times<K, N, START>(x, K, static_cast<int>(rows), W + w, y, N);
}
template <int K, int N> void times(const S *x, std::int64_t rows, std::size_t w, S *y, std::size_t bias)
{
  times<K, N, BIAS>(x, K, static_cast<int>(rows), W + w, y, N, W + bias);
}

// y [N] of rows = functions in a table [N / TABLE_PANEL][INTERVALS + COEFFICIENTS - 1][TABLE_PANEL].
template <int N, int INTERVALS, class Point>
void look_up(std::size_t table, const Point *points, int n, S *y, int y_step)
{
  const S *from = W + table;
  for (int column = 0; column < N; column += TABLE_PANEL, from += (INTERVALS + COEFFICIENTS - 1) * TABLE_PANEL)
    for (int m = 0; m < n; m++) {
      const Spline &at = points[m].spline;
      V left{}, right{};
      const S *row = from + at.row * TABLE_PANEL;
#pragma GCC unroll 16
      for (int j = 0; j < COEFFICIENTS; j++, row += TABLE_PANEL) {
        left += ld(row) * at.value[j];
        right += ld(row + LANES) * at.value[j];
      }
      st(y + m * y_step + column, left);
      st(y + m * y_step + column + LANES, right);
    }
}

// Derivative along the table, from the gradients of the functions: added to `to`. sums: [n][LANES]
template <int N, int INTERVALS, class Point>
void look_up_back(std::size_t table, const Point *points, int n, const S *gradient, int step, S *sums,
                  double *to)
{
  const S *from = W + table;
  zero(sums, n * LANES);
  for (int column = 0; column < N; column += TABLE_PANEL, from += (INTERVALS + COEFFICIENTS - 1) * TABLE_PANEL)
    for (int m = 0; m < n; m++) {
      const Spline &at = points[m].spline;
      V left{}, right{};
      const S *row = from + at.row * TABLE_PANEL, *g = gradient + m * step + column;
#pragma GCC unroll 16
      for (int j = 0; j < COEFFICIENTS; j++, row += TABLE_PANEL) {
        left += ld(row) * at.slope[j];
        right += ld(row + LANES) * at.slope[j];
      }
      st(sums + m * LANES, ld(sums + m * LANES) + left * ld(g) + right * ld(g + LANES));
    }
  for (int m = 0; m < n; m++) to[m] += sum(ld(sums + m * LANES));
}

// Chebyshev fits to e^r, |r| < ln 2 / 2, to 2e-16 and 2e-9.
constexpr double EXP_OF_DOUBLES[] = {2.7626357241447223e-07, 2.764018079620985e-06,
                                     2.4801504346997686e-05, 0.00019841170270440067,
                                     0.0013888888932488599,  0.008333333385667782,
                                     0.04166666666657314,    0.16666666666554406,
                                     0.5000000000000006,     1.0000000000000067,
                                     1.0};
constexpr double EXP_OF_FLOATS[] = {0.0013941108433972674, 0.008375126398153335, 0.04166635289677516,
                                    0.16666415514653277,   0.5000000047117757,   1.000000037716214,
                                    1.0};

// e^-x to 1e-15: as `exponential`, by a polynomial that is near everywhere. x is cut so that four of
// them can be multiplied.
INLINE V exponential_of_minus(V x)
{
  constexpr bool WIDE_NUMBERS = sizeof(S) == 8;
  constexpr S LIMIT = WIDE_NUMBERS ? S(177.0) : S(21.75);
  constexpr S MAGIC = WIDE_NUMBERS ? S(6755399441055744.0) : S(12582912.0);
  constexpr int MANTISSA = WIDE_NUMBERS ? 52 : 23, MIDDLE = WIDE_NUMBERS ? 1023 : 127;
  const V high = V{} + LIMIT, low = V{} - LIMIT;
  x = x > high ? high : x;    // a number that is none stays as it is
  x = x < low ? low : x;
  const V shifted = x * S(-1.4426950408889634074) + MAGIC, n = shifted - MAGIC;
  const V r = -x - n * S(0.693147180559945309417);
  const auto &terms = [] () -> const auto & {
    if constexpr (WIDE_NUMBERS) return EXP_OF_DOUBLES;
    else return EXP_OF_FLOATS;
  }();
  V sum = V{} + S(terms[0]);
  for (std::size_t k = 1; k < std::size(terms); k++) sum = sum * r + S(terms[k]);
  IV bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  bits = (bits + Integer(MIDDLE)) << MANTISSA;
  V scale;
  std::memcpy(&scale, &bits, sizeof(scale));
  return sum * scale;
}

// 1 / (1 + e^-x) of four vectors, with one division.
INLINE void logistic(const V (&x)[4], V (&s)[4])
{
  V d[4];
  for (int m = 0; m < 4; m++) d[m] = S(1) + exponential_of_minus(x[m]);
  const V ab = d[0] * d[1], cd = d[2] * d[3], inverse = S(1) / (ab * cd);
  const V of_ab = inverse * cd, of_cd = inverse * ab;
  s[0] = of_ab * d[1];
  s[1] = of_ab * d[0];
  s[2] = of_cd * d[3];
  s[3] = of_cd * d[2];
}

// x = x / (1 + e^-x) of rows [WIDE], and its slope [WIDE] without gaps.
inline void activate(S *x, int x_step, int rows, S *slope)
{
  for (int m = 0; m < rows; m++)
    for (int f = 0; f < WIDE; f += 4 * LANES) {
      S *const at = x + m * x_step + f, *const to = slope + m * WIDE + f;
      V v[4], s[4];
      for (int b = 0; b < 4; b++) v[b] = ld(at + b * LANES);
      logistic(v, s);
      for (int b = 0; b < 4; b++) {
        st(at + b * LANES, v[b] * s[b]);
        st(to + b * LANES, s[b] * (S(1) + v[b] * (S(1) - s[b])));
      }
    }
}

// The second layer of a gated perceptron, from its first: z [WIDE] of rows x [WIDE].
inline void second_layer(const Gate &g, S *x, int x_step, int rows, S *slope, S *z)
{
  activate(x, x_step, rows, slope);
  times<WIDTH, WIDTH, BIAS>(x, x_step, rows, W + g.core.forward, z, WIDE, W + g.second_bias);
  times<WIDTH, WIDTH, BIAS>(x + WIDTH, x_step, rows, W + g.gate.forward, z + WIDTH, WIDE,
                            W + g.second_bias + WIDTH);
}
// Its adjoint: x becomes its own gradient, from that of z.
inline void second_layer_back(const Gate &g, const S *z, int rows, const S *slope, S *x, int x_step)
{
  times<WIDTH, WIDTH>(z, WIDE, rows, W + g.core.back, x, x_step);
  times<WIDTH, WIDTH>(z + WIDTH, WIDE, rows, W + g.gate.back, x + WIDTH, x_step);
  for (int m = 0; m < rows; m++)
    for (int f = 0; f < WIDE; f += LANES)
      st(x + m * x_step + f, ld(x + m * x_step + f) * ld(slope + m * WIDE + f));
}

// 1 / sqrt(variance + eps) of a half, whose mean is zero.
INLINE S inverse_deviation(const S *z)
{
  V squares{};
  for (int f = 0; f < WIDTH; f += LANES) squares += ld(z + f) * ld(z + f);
  return S(1) / std::sqrt(sum(squares) * S(1.0 / FEATURES) + S(NORM_EPS));
}

// Two blocks of core and of gate after their norms, and their logistic functions.
INLINE void normed(const Gate &g, const S *z, const S (&inverse)[2], int f, V (&y)[4], V (&s)[4])
{
  for (int b = 0; b < 4; b++) {
    const int at = b / 2 * WIDTH + f + b % 2 * LANES;
    y[b] = ld(z + at) * inverse[b / 2] * ld(W + g.scale + at) + ld(W + g.shift + at);
  }
  logistic(y, s);
}

// out [WIDTH] = silu(norm(core)) sigmoid(norm(gate)) of z [WIDE].
INLINE void gated(const Gate &g, const S *z, S *out)
{
  const S inverse[2] = {inverse_deviation(z), inverse_deviation(z + WIDTH)};
  for (int f = 0; f < WIDTH; f += 2 * LANES) {
    V y[4], s[4];
    normed(g, z, inverse, f, y, s);
    for (int b = 0; b < 2; b++) st(out + f + b * LANES, y[b] * s[b] * s[b + 2]);
  }
}

// Its adjoint: z becomes its own gradient, from that of out; gives out, too.
INLINE void gated_back(const Gate &g, S *z, const S *gradient, S *out)
{
  const S inverse[2] = {inverse_deviation(z), inverse_deviation(z + WIDTH)};
  S by_norm[WIDE];
  V along[2] = {};
  for (int f = 0; f < WIDTH; f += 2 * LANES) {
    V y[4], s[4], d[4];
    normed(g, z, inverse, f, y, s);
    for (int b = 0; b < 2; b++) {
      const V up = ld(gradient + f + b * LANES), core = y[b] * s[b];
      st(out + f + b * LANES, core * s[b + 2]);
      d[b] = up * s[b + 2] * s[b] * (S(1) + y[b] * (S(1) - s[b]));
      d[b + 2] = up * core * s[b + 2] * (S(1) - s[b + 2]);
    }
    for (int b = 0; b < 4; b++) {
      const int at = b / 2 * WIDTH + f + b % 2 * LANES;
      d[b] *= ld(W + g.scale + at);
      along[b / 2] += d[b] * ld(z + at);
      st(by_norm + at, d[b]);
    }
  }
  for (int half = 0; half < 2; half++) {
    const S i = inverse[half], fall = sum(along[half]) * i * i * S(1.0 / FEATURES);
    for (int f = half * WIDTH; f < (half + 1) * WIDTH; f += LANES)
      st(z + f, (ld(by_norm + f) - ld(z + f) * fall) * i);
  }
}

INLINE void add_row(S *to, const S *from, int n)
{
  for (int f = 0; f < n; f += LANES) st(to + f, ld(to + f) + ld(from + f));
}

}    // namespace
