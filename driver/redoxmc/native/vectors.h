// Vectors over channels in GCC's and clang's portable form, and small dense products of them.
// S and LANES come from the generated header, which includes this file.
#pragma once

#include <cstddef>
#include <cstring>

#define INLINE inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))

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
