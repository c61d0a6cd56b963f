// Convolutions of CHGNet's atoms, and their adjoints.
#pragma once

#include "chgnet_graph.h"

namespace {

// What atoms and bonds add to the first layers of their edges.
inline void project(Kernel &k, int layer)
{
  const AtomLayer &l = ATOMS[layer];
  const int senders = layer ? k.counts[layer - 1] : k.n_nodes;
  S *const sent = k.sent.reserve(static_cast<std::size_t>(k.n_nodes) * WIDE + 1);
  k.received.reserve(static_cast<std::size_t>(k.n_nodes) * WIDE + 1);
  k.of_bond.reserve(k.bonds.size() * WIDE + 1);
  share(k, senders, [&](int, int begin, int end) {
    times<WIDTH, WIDE>(row(k.h[layer], begin), end - begin, l.sender.forward, sent + begin * WIDE);
  });
  share_receivers(k, k.counts[layer], [&](Scratch &, int begin, int end) {
    times<WIDTH, WIDE>(row(k.h[layer], begin), end - begin, l.receiver.forward,
                       row(k.received, begin, WIDE), l.gate.bias);
    const std::int64_t f = k.bond_first[begin];
    times<WIDTH, WIDE>(row(k.b[layer], f), k.bond_first[end] - f, l.bond.forward,
                       row(k.of_bond, f, WIDE));
  });
}

// First and second layers of the edges of a chunk.
inline void edge_layers(const Kernel &k, int layer, std::int64_t e, int n, const Rows &t)
{
  const AtomLayer &l = ATOMS[layer];
  const Edge *const edges = k.edges.data() + e;
  look_up<ROW, EDGE_INTERVALS>(l.table, edges, n, t.x, ROW);
  each_tile(n, [&](int begin, int rows) {
    for (int m = begin; m < begin + rows; m++) {
      const Edge &edge = edges[m];
      const S *const to = row(k.received, edge.to, WIDE), *const from = row(k.sent, edge.from, WIDE);
      S *const x = t.x + m * ROW;
      const S *const bond = edge.bond < 0 ? x : row(k.of_bond, edge.bond, WIDE);
      for (int f = 0; f < WIDE; f += LANES) st(x + f, ld(bond + f) + ld(to + f) + ld(from + f));
    }
    second_layer(l.gate, t.x + begin * ROW, ROW, rows, t.slope + begin * WIDE, t.z + begin * WIDE);
  });
}

// Messages of the edges of a chunk, added to the sums.
inline void receive(const Kernel &k, int layer, std::int64_t e, int n, const Rows &t)
{
  for (int m = 0; m < n; m++) {
    S out[WIDTH];
    gated(ATOMS[layer].gate, t.z + m * WIDE, out);
    const S *const weight = t.x + m * ROW + WIDE;
    S *const to = row(k.sums, k.edges[e + m].to);
    for (int f = 0; f < WIDTH; f += LANES) st(to + f, ld(to + f) + ld(out + f) * ld(weight + f));
  }
}

// Atoms begin to end - 1 after a layer, in `to`.
inline void convolve(const Kernel &k, int layer, int begin, int end, S *to)
{
  copy(to, row(k.h[layer], begin), (end - begin) * WIDTH);
  times<WIDTH, WIDTH, SUM>(row(k.sums, begin), WIDTH, end - begin, W + ATOMS[layer].out.forward, to,
                           WIDTH);
}

inline void update_atoms(Kernel &k, int layer)
{
  project(k, layer);
  zeros(k.sums, static_cast<std::size_t>(k.n_local) * WIDTH);
  S *const next = k.h[layer + 1].reserve(static_cast<std::size_t>(k.n_nodes) * WIDTH + 1);
  share_receivers(k, k.counts[layer], [&](Scratch &s, int begin, int end) {
    each_chunk(k.first, begin, end, [&](int, int, std::int64_t e, int n) {
      const Rows t(s, n);
      edge_layers(k, layer, e, n, t);
      receive(k, layer, e, n, t);
    });
    convolve(k, layer, begin, end, next + begin * WIDTH);
  });
}

// Adjoint of `receive` and `edge_layers`, after them, from the gradients by the sums.
inline void receive_back(Kernel &k, const Scratch &s, int layer, std::int64_t e, int n, const Rows &t)
{
  const AtomLayer &l = ATOMS[layer];
  const Edge *const edges = k.edges.data() + e;
  const bool others = k.threads > 1;
  each_tile(n, [&](int begin, int rows) {
    for (int m = begin; m < begin + rows; m++) {
      S up[WIDTH], out[WIDTH];
      S *const weight = t.x + m * ROW + WIDE;
      const S *const d = row(k.dsums, edges[m].to);
      for (int f = 0; f < WIDTH; f += LANES) st(up + f, ld(d + f) * ld(weight + f));
      gated_back(l.gate, t.z + m * WIDE, up, out);
      for (int f = 0; f < WIDTH; f += LANES) st(weight + f, ld(d + f) * ld(out + f));
    }
    second_layer_back(l.gate, t.z + begin * WIDE, rows, t.slope + begin * WIDE, t.x + begin * ROW, ROW);
    for (int m = begin; m < begin + rows; m++) {
      const Edge &edge = edges[m];
      S *const x = t.x + m * ROW;
      if (layer > 0) {
        add_row(row(k.dreceived, edge.to, WIDE), x, WIDE);
        add_row(others ? row(s.gradients, s.slot[edge.from], WIDE) : row(k.dsent, edge.from, WIDE), x,
                WIDE);
      }
      if (edge.bond < 0) continue;
      copy(row(k.dof_bond, edge.bond, WIDE), x, WIDE);
      zero(x, WIDE);    // it did not come from the table
    }
  });
  look_up_back<ROW, EDGE_INTERVALS>(l.table, edges, n, t.x, ROW, t.small, k.along.data() + e);
}

// What the adjoint of a layer adds to, before it.
inline void begin_back(Kernel &k, int layer)
{
  k.dsums.reserve(static_cast<std::size_t>(k.n_local) * WIDTH + 1);
  k.dof_bond.reserve(k.bonds.size() * WIDE + 1);
  if (layer == 0) return;
  zeros(k.dreceived, static_cast<std::size_t>(k.n_local) * WIDE);
  if (k.threads == 1) zeros(k.dsent, static_cast<std::size_t>(k.n_nodes) * WIDE);
  k.dsent.reserve(static_cast<std::size_t>(k.n_nodes) * WIDE + 1);
  for (int part = 0; k.threads > 1 && part < k.threads; part++)
    zeros(k.scratch[part]->gradients, static_cast<std::size_t>(k.scratch[part]->n_slots) * WIDE);
}

// Gradients by the atoms and bonds before a layer, from those of its edges.
inline void end_back(Kernel &k, int layer)
{
  const AtomLayer &l = ATOMS[layer];
  share_receivers(k, k.counts[layer], [&](Scratch &, int begin, int end) {
    const std::int64_t f = k.bond_first[begin];
    times<WIDE, WIDTH, SUM>(row(k.dof_bond, f, WIDE), k.bond_first[end] - f, l.bond.back, row(k.db, f));
    if (layer > 0)
      times<WIDE, WIDTH, SUM>(row(k.dreceived, begin, WIDE), end - begin, l.receiver.back,
                              row(k.dh, begin));
  });
  if (layer == 0) return;
  if (k.threads > 1) add_touched(k, k.dsent.data(), WIDE, 0);
  share(k, k.counts[layer - 1], [&](int, int begin, int end) {
    times<WIDE, WIDTH, SUM>(row(k.dsent, begin, WIDE), end - begin, l.sender.back, row(k.dh, begin));
  });
}

inline void update_atoms_back(Kernel &k, int layer)
{
  project(k, layer);
  begin_back(k, layer);
  share_receivers(k, k.counts[layer], [&](Scratch &s, int begin, int end) {
    times<WIDTH, WIDTH>(row(k.dh, begin), end - begin, ATOMS[layer].out.back, row(k.dsums, begin));
    each_chunk(k.first, begin, end, [&](int, int, std::int64_t e, int n) {
      const Rows t(s, n);
      edge_layers(k, layer, e, n, t);
      receive_back(k, s, layer, e, n, t);
    });
  });
  end_back(k, layer);
}

}    // namespace
