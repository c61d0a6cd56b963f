// What MACE's generated code is written with: products over channels, rows of radial tables.
// CHANNELS comes from the generated header, which includes this file.
#pragma once

#include "vectors.h"

static inline double dot(const S *x, const S *y)
{
  V total{};
  for (int i = 0; i < CHANNELS; i += LANES) total += ld(x + i) * ld(y + i);
  return sum(total);
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
