// Vectors over channels in GCC's and clang's portable form, and small dense products of them.
// S, LANES, CHANNELS and HIDDEN come from the generated header, which includes this file.
#pragma once

#include <cstddef>
#include <cstring>

#define INLINE inline __attribute__((always_inline))

typedef S V __attribute__((vector_size(LANES * sizeof(S))));
typedef S Unaligned __attribute__((vector_size(LANES * sizeof(S)), aligned(sizeof(S)), may_alias));

static INLINE V ld(const S *p) { return *reinterpret_cast<const Unaligned *>(p); }
static INLINE void st(S *p, V v) { *reinterpret_cast<Unaligned *>(p) = v; }

// Sum over lanes, halving: the same order on every machine with as many lanes.
template <int N> static INLINE S sum_lanes(const S *p)
{
  if constexpr (N == 1) {
    return p[0];
  } else {
    typedef S Half __attribute__((vector_size(N / 2 * sizeof(S)), aligned(sizeof(S)), may_alias));
    const Half h = *reinterpret_cast<const Half *>(p) + *reinterpret_cast<const Half *>(p + N / 2);
    S part[N / 2];
    std::memcpy(part, &h, sizeof(h));
    return sum_lanes<N / 2>(part);
  }
}
static INLINE S sum(V v)
{
  S part[LANES];
  std::memcpy(part, &v, sizeof(v));
  return sum_lanes<LANES>(part);
}

static inline void copy(S *y, const S *x, int n) { std::memcpy(y, x, n * sizeof(S)); }
static inline void zero(S *y, int n) { std::memset(y, 0, n * sizeof(S)); }
static inline void add(S *y, const S *x, int n)
{
  for (int i = 0; i < n; i++) y[i] += x[i];
}
static inline double dot(const S *x, const S *y)
{
  V total{};
  for (int i = 0; i < CHANNELS; i += LANES) total += ld(x + i) * ld(y + i);
  return sum(total);
}

// How many of N / LANES vectors go together in a block, so that ROWS times as many accumulators
// stay in registers.
template <int ROWS, int BLOCKS> constexpr int block_width()
{
  int width = BLOCKS;
  while (width * ROWS > 20 && width > 1) width = (width + 1) / 2;
  while (BLOCKS % width) width--;
  return width;
}

// y[row][column] (+)= sum over parts and k of x[part][row][k] w[part][k][column]
template <int ROWS, int PARTS, int K, int N, bool ADD>
static INLINE void product(const S *x, int row_step, int part_step, const S *w, S *y, int y_step)
{
  constexpr int BLOCKS = N / LANES, WIDTH = block_width<ROWS, BLOCKS>();
  // few accumulators would wait for each other: two sets then, over even and odd k
  constexpr int SETS = ROWS * WIDTH < 8 && K % 2 == 0 ? 2 : 1;
#pragma GCC unroll 1
  for (int b0 = 0; b0 < BLOCKS; b0 += WIDTH) {
    V a[SETS][ROWS][WIDTH];
    for (int set = 0; set < SETS; set++)
      for (int m = 0; m < ROWS; m++)
        for (int b = 0; b < WIDTH; b++)
          a[set][m][b] = ADD && set == 0 ? ld(y + m * y_step + (b0 + b) * LANES) : V{};
#pragma GCC unroll 1
    for (int part = 0; part < PARTS; part++) {
      const S *xp = x + part * part_step, *wp = w + part * K * N + b0 * LANES;
#pragma GCC unroll 2
      for (int k = 0; k < K; k += SETS)
        for (int set = 0; set < SETS; set++)
          for (int b = 0; b < WIDTH; b++) {
            const V weight = ld(wp + (k + set) * N + b * LANES);
            for (int m = 0; m < ROWS; m++) a[set][m][b] += xp[m * row_step + k + set] * weight;
          }
    }
    for (int m = 0; m < ROWS; m++)
      for (int b = 0; b < WIDTH; b++) {
        V total = a[0][m][b];
        if constexpr (SETS == 2) total += a[1][m][b];
        st(y + m * y_step + (b0 + b) * LANES, total);
      }
  }
}

template <int ROWS, int K, int N>
static void matmul(const S *x, int x_step, const S *w, S *y, int y_step)
{
  product<ROWS, 1, K, N, true>(x, x_step, 0, w, y, y_step);
}
// messages [PARTS][ROWS][CHANNELS] to features [ROWS][CHANNELS]
template <int ROWS, int PARTS> static void mix_rows(const S *phi, const S *w, S *a)
{
  product<ROWS, PARTS, CHANNELS, CHANNELS, false>(phi, CHANNELS, ROWS * CHANNELS, w, a, CHANNELS);
}
template <int ROWS, int PARTS> static void unmix_rows(const S *da, const S *wt, S *dphi)
{
  for (int part = 0; part < PARTS; part++)
    product<ROWS, 1, CHANNELS, CHANNELS, false>(da, CHANNELS, 0, wt + part * CHANNELS * CHANNELS,
                                                dphi + part * ROWS * CHANNELS, CHANNELS);
}

// Where an edge is in the radial table: row, and the powers of the place within the interval.
template <int PATHS> struct Quintic {
  const S *row;
  S t, t2, t3, t4, t5, d2, d3, d4, d5;

  Quintic(const S *start, S place) :
      row(start), t(place), t2(t * t), t3(t2 * t), t4(t2 * t2), t5(t4 * t), d2(2 * t), d3(3 * t2),
      d4(4 * t3), d5(5 * t4)
  {
  }
  template <int P> INLINE V value() const
  {
    const S *c = row + P * LANES;
    constexpr int NEXT = PATHS * LANES;
    return (ld(c) + t * ld(c + NEXT)) + (t2 * ld(c + 2 * NEXT) + t3 * ld(c + 3 * NEXT)) +
        (t4 * ld(c + 4 * NEXT) + t5 * ld(c + 5 * NEXT));
  }
  template <int P> INLINE void both(V &f, V &slope) const
  {
    const S *c = row + P * LANES;
    constexpr int NEXT = PATHS * LANES;
    const V c1 = ld(c + NEXT), c2 = ld(c + 2 * NEXT), c3 = ld(c + 3 * NEXT), c4 = ld(c + 4 * NEXT),
            c5 = ld(c + 5 * NEXT);
    f = (ld(c) + t * c1) + (t2 * c2 + t3 * c3) + (t4 * c4 + t5 * c5);
    slope = (c1 + d2 * c2) + (d3 * c3 + d4 * c4) + d5 * c5;
  }
};

// What an atom's linear maps read and write.
struct Node {
  S *carry;              // shares of what later layers complete
  S *hidden;             // of the readout
  S *hidden_gradient;
  S **features;          // by layer, of this atom
  S **gradients;
};
