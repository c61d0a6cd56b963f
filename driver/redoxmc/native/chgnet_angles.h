// Convolutions of CHGNet's bonds and updates of its angles, and their adjoints.
#pragma once

#include "chgnet_graph.h"

namespace {

// What bonds and atoms add to the first layers of angles, of receivers begin to end - 1.
inline void project_angles(Kernel &k, const AngleLayer &l, const Array<S> &h, const Array<S> &b,
                           int begin, int end)
{
  const std::int64_t f = k.bond_first[begin], n = k.bond_first[end] - f;
  times<WIDTH, WIDE>(row(b, f), n, l.first.forward, row(k.first_part, f, WIDE));
  times<WIDTH, WIDE>(row(b, f), n, l.second.forward, row(k.second_part, f, WIDE));
  times<WIDTH, WIDE>(row(h, begin), end - begin, l.centre.forward, row(k.centre_part, begin, WIDE),
                     l.gate.bias);
}

// Adds them to the rows of a tile.
INLINE void add_parts(const Kernel &k, const Angle *angles, int n, S *x)
{
  for (int m = 0; m < n; m++, x += ROW) {
    const S *const first = row(k.first_part, angles[m].first, WIDE);
    const S *const second = row(k.second_part, angles[m].second, WIDE);
    const S *const centre = row(k.centre_part, k.bonds[angles[m].first].to, WIDE);
    for (int f = 0; f < WIDE; f += LANES)
      st(x + f, ld(x + f) + ld(first + f) + ld(second + f) + ld(centre + f));
  }
}

// Their gradients, from those of the rows.
INLINE void add_parts_back(Kernel &k, const Angle *angles, int n, const S *x)
{
  for (int m = 0; m < n; m++, x += ROW) {
    add_row(row(k.dfirst, angles[m].first, WIDE), x, WIDE);
    add_row(row(k.dsecond, angles[m].second, WIDE), x, WIDE);
    add_row(row(k.dcentre, k.bonds[angles[m].first].to, WIDE), x, WIDE);
  }
}

// Gradients by bonds and atoms, from those of their parts.
inline void project_angles_back(Kernel &k, const AngleLayer &l, int begin, int end)
{
  const std::int64_t f = k.bond_first[begin], n = k.bond_first[end] - f;
  times<WIDE, WIDTH, SUM>(row(k.dfirst, f, WIDE), n, l.first.back, row(k.db, f));
  times<WIDE, WIDTH, SUM>(row(k.dsecond, f, WIDE), n, l.second.back, row(k.db, f));
  times<WIDE, WIDTH, SUM>(row(k.dcentre, begin, WIDE), end - begin, l.centre.back, row(k.dh, begin));
}

inline void clear_parts_back(Kernel &k)
{
  zeros(k.dfirst, k.bonds.size() * WIDE);
  zeros(k.dsecond, k.bonds.size() * WIDE);
  zeros(k.dcentre, static_cast<std::size_t>(k.n_local) * WIDE);
}

// What angles themselves add: from the table of the first layer, or from their features.
template <int N>
INLINE void angle_parts(const Kernel &k, const AngleLayer &l, std::size_t table, int layer,
                        std::int64_t from, int n, const Rows &t)
{
  if (layer == 0)
    look_up<N, ANGLE_INTERVALS>(table, k.angles.data() + from, n, t.x, ROW);
  else
    times<WIDTH, WIDE>(row(k.a[layer], from), WIDTH, n, W + l.angle.forward, t.x, ROW);
}

// Gradients by the angles, or by their features, from those of the rows.
template <int N>
INLINE void angle_parts_back(Kernel &k, const AngleLayer &l, std::size_t table, int layer,
                             std::int64_t from, int n, const Rows &t)
{
  if (layer == 0)
    look_up_back<N, ANGLE_INTERVALS>(table, k.angles.data() + from, n, t.x, ROW, t.small,
                                     k.dangle.data() + from);
  else
    times<WIDE, WIDTH, SUM>(t.x, ROW, n, W + l.angle.back, row(k.da, from), WIDTH);
}

// First and second layers of the angles of a chunk, for messages to their first bonds.
inline void bond_layers(const Kernel &k, int layer, std::int64_t from, int n, const Rows &t)
{
  const AngleLayer &l = BONDS[layer];
  angle_parts<WIDE>(k, l, BOND_ANGLE_TABLE, layer, from, n, t);
  each_tile(n, [&](int begin, int rows) {
    add_parts(k, k.angles.data() + from + begin, rows, t.x + begin * ROW);
    second_layer(l.gate, t.x + begin * ROW, ROW, rows, t.slope + begin * WIDE, t.z + begin * WIDE);
  });
}

// The other end of a bond, where it is evaluated in a layer; nullptr where it is not.
INLINE const S *reverse_of(const Kernel &k, const Array<S> &rows, std::int64_t f, int layer)
{
  const int reverse = k.bonds[f].reverse;
  return reverse >= 0 && k.bonds[reverse].to < k.counts[layer] ? row(rows, reverse) : nullptr;
}

// Bonds after a layer: each gets the messages at both of its ends.
inline void update_bonds(Kernel &k, int layer)
{
  const AngleLayer &l = BONDS[layer];
  zeros(k.sums, k.bonds.size() * WIDTH);
  S *const next = k.b[layer + 1].reserve(k.bonds.size() * WIDTH + 1);
  share_receivers(k, k.counts[layer], [&](Scratch &s, int begin, int end) {
    project_angles(k, l, k.h[layer + 1], k.b[layer], begin, end);
    each_chunk(k.angle_first.data(), begin, end, [&](int, int, std::int64_t from, int n) {
      const Rows t(s, n);
      bond_layers(k, layer, from, n, t);
      for (int m = 0; m < n; m++) {
        S out[WIDTH];
        gated(l.gate, t.z + m * WIDE, out);
        const Angle &angle = k.angles[from + m];
        const S *const v = row(k.weight, angle.first), *const w = row(k.weight, angle.second);
        S *const to = row(k.sums, angle.first);
        for (int f = 0; f < WIDTH; f += LANES)
          st(to + f, ld(to + f) + ld(out + f) * ld(v + f) * ld(w + f));
      }
    });
  });
  share_receivers(k, k.counts[layer], [&](Scratch &, int begin, int end) {
    for (std::int64_t f = k.bond_first[begin]; f < k.bond_first[end]; f++) {
      S both[WIDTH];
      copy(both, row(k.sums, f), WIDTH);
      if (const S *const other = reverse_of(k, k.sums, f, layer)) add_row(both, other, WIDTH);
      copy(next + f * WIDTH, row(k.b[layer], f), WIDTH);
      times<WIDTH, WIDTH, SUM>(both, 1, l.out.forward, next + f * WIDTH);
    }
  });
}

inline void update_bonds_back(Kernel &k, int layer)
{
  const AngleLayer &l = BONDS[layer];
  S *const by_both = k.dsums.reserve(k.bonds.size() * WIDTH + 1);
  share_receivers(k, k.counts[layer], [&](Scratch &, int begin, int end) {
    const std::int64_t f = k.bond_first[begin];
    times<WIDTH, WIDTH>(row(k.db, f), k.bond_first[end] - f, l.out.back, by_both + f * WIDTH);
  });
  clear_parts_back(k);
  share_receivers(k, k.counts[layer], [&](Scratch &s, int begin, int end) {
    for (std::int64_t f = k.bond_first[begin]; f < k.bond_first[end]; f++) {
      S *const to = row(k.sums, f);    // the messages are not needed any more
      copy(to, by_both + f * WIDTH, WIDTH);
      if (const S *const other = reverse_of(k, k.dsums, f, layer)) add_row(to, other, WIDTH);
    }
    project_angles(k, l, k.h[layer + 1], k.b[layer], begin, end);
    each_chunk(k.angle_first.data(), begin, end, [&](int, int, std::int64_t from, int n) {
      const Rows t(s, n);
      bond_layers(k, layer, from, n, t);
      each_tile(n, [&](int first, int rows) {
        for (int m = first; m < first + rows; m++) {
          const Angle &angle = k.angles[from + m];
          const S *const v = row(k.weight, angle.first), *const w = row(k.weight, angle.second);
          const S *const d = row(k.sums, angle.first);
          S *const dv = row(k.dweight, angle.first), *const dw = row(k.dweight, angle.second);
          S up[WIDTH], out[WIDTH];
          for (int f = 0; f < WIDTH; f += LANES) st(up + f, ld(d + f) * ld(v + f) * ld(w + f));
          gated_back(l.gate, t.z + m * WIDE, up, out);
          for (int f = 0; f < WIDTH; f += LANES) {
            const V by_product = ld(d + f) * ld(out + f);
            st(dv + f, ld(dv + f) + by_product * ld(w + f));
            st(dw + f, ld(dw + f) + by_product * ld(v + f));
          }
        }
        second_layer_back(l.gate, t.z + first * WIDE, rows, t.slope + first * WIDE, t.x + first * ROW, ROW);
        add_parts_back(k, k.angles.data() + from + first, rows, t.x + first * ROW);
      });
      angle_parts_back<WIDE>(k, l, BOND_ANGLE_TABLE, layer, from, n, t);
    });
    project_angles_back(k, l, begin, end);
  });
}

// Angles after a layer. Their first features are in the table, behind what they add.
inline void update_angles(Kernel &k, int layer)
{
  const AngleLayer &l = ANGLES[layer];
  S *const next = k.a[layer + 1].reserve(k.angles.size() * WIDTH + 1);
  share_receivers(k, k.counts[layer], [&](Scratch &s, int begin, int end) {
    project_angles(k, l, k.h[layer + 1], k.b[layer + 1], begin, end);
    each_chunk(k.angle_first.data(), begin, end, [&](int, int, std::int64_t from, int n) {
      const Rows t(s, n);
      angle_parts<ROW>(k, l, ANGLE_TABLE, layer, from, n, t);
      add_parts(k, k.angles.data() + from, n, t.x);
      for (int m = 0; m < n; m++) {
        S *const to = next + (from + m) * WIDTH;
        gated(l.gate, t.x + m * ROW, to);
        add_row(to, layer ? row(k.a[layer], from + m) : t.x + m * ROW + WIDE, WIDTH);
      }
    });
  });
}

inline void update_angles_back(Kernel &k, int layer)
{
  const AngleLayer &l = ANGLES[layer];
  clear_parts_back(k);
  share_receivers(k, k.counts[layer], [&](Scratch &s, int begin, int end) {
    project_angles(k, l, k.h[layer + 1], k.b[layer + 1], begin, end);
    each_chunk(k.angle_first.data(), begin, end, [&](int, int, std::int64_t from, int n) {
      const Rows t(s, n);
      angle_parts<ROW>(k, l, ANGLE_TABLE, layer, from, n, t);
      add_parts(k, k.angles.data() + from, n, t.x);
      for (int m = 0; m < n; m++) {
        S out[WIDTH];
        const S *const d = row(k.da, from + m);
        gated_back(l.gate, t.x + m * ROW, d, out);
        copy(t.x + m * ROW + WIDE, d, WIDTH);
      }
      add_parts_back(k, k.angles.data() + from, n, t.x);
      angle_parts_back<ROW>(k, l, ANGLE_TABLE, layer, from, n, t);
    });
    project_angles_back(k, l, begin, end);
  });
}

}    // namespace
