// The edges of a graph as cPaiNN's messages want them.
//
// A filter depends on the distance alone, so that an edge and its reverse, both of which end at
// atoms of this thread, share its evaluation.
#pragma once

#include "cpainn_state.h"

#include <algorithm>
#include <cmath>

namespace {

// An edge before it has its place.
struct Found {
  int to, from, row;    // row: INTERVALS beyond the cutoff, and for a distance that is not a number
  std::int64_t id;
};

INLINE double length_of(const double *v) { return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

INLINE Found found_edge(const Kernel &k, int to, std::int64_t id)
{
  const double u = length_of(k.vectors + 3 * id) * (1.0 / STEP);
  return {to, static_cast<int>(k.sender[id]), u < INTERVALS ? static_cast<int>(u) : INTERVALS, id};
}

INLINE void set_edge(Edge &e, const Found &found, const double *v)
{
  const double r = length_of(v), inverse = 1.0 / r, u = r * (1.0 / STEP);
  const bool inside = found.row < INTERVALS;
  e.to = found.to;
  e.from = found.from;
  e.id = found.id;
  e.row = inside ? found.row : 0;
  e.x = static_cast<S>(v[0] * inverse);
  e.y = static_cast<S>(v[1] * inverse);
  e.z = static_cast<S>(v[2] * inverse);
  e.inverse = static_cast<S>(inverse);
  double value[COEFFICIENTS], slope[COEFFICIENTS];
  const double t = u - e.row;
  for (int j = 0; j < COEFFICIENTS; j++) {
    value[j] = SPLINE[COEFFICIENTS - 1][j];
    slope[j] = 0.0;
  }
#pragma GCC unroll 16
  for (int n = COEFFICIENTS - 2; n >= 0; n--)
    for (int j = 0; j < COEFFICIENTS; j++) {
      slope[j] = slope[j] * t + value[j];
      value[j] = value[j] * t + SPLINE[n][j];
    }
  // nothing comes from beyond the cutoff; a distance that is not a number stays visible
  const bool nothing = u >= INTERVALS;
  for (int j = 0; j < COEFFICIENTS; j++) {
    e.value[j] = nothing ? S(0) : static_cast<S>(value[j]);
    e.slope[j] = nothing ? S(0) : static_cast<S>(slope[j]);
  }
}

// Appends a chunk of edges to a list; leaves `found` empty.
inline void add_chunk(const Kernel &k, std::vector<Found> &found, EdgeList &list)
{
  if (found.empty()) return;
  int count[INTERVALS + 1] = {};
  for (const Found &e : found) count[e.row]++;
  EdgeList::Chunk chunk;
  chunk.fours = list.size;
  chunk.twos = chunk.ones = 0;
  int place[INTERVALS + 1][3], at = list.size;
  const auto number = [&](int which, auto size) {
    for (int row = 0; row <= INTERVALS; row++) {
      place[row][which] = at;
      at += size(count[row]);
    }
  };
  number(0, [](int n) { return n & ~3; });
  chunk.twos = at;
  number(1, [](int n) { return n & 2; });
  chunk.ones = at;
  number(2, [](int n) { return n & 1; });
  chunk.end = list.size = at;
  int seen[INTERVALS + 1] = {};
  for (const Found &e : found) {
    const int n = seen[e.row]++, fours = count[e.row] & ~3, twos = count[e.row] & ~1;
    const int which = n < fours ? 0 : n < twos ? 1 : 2;
    set_edge(list.edges.data()[place[e.row][which]++], e, k.vectors + 3 * e.id);
  }
  list.chunks.push_back(chunk);
  found.clear();
}

// All edges of some atoms, each for itself.
inline void list_edges(const Kernel &k, int begin, int end, EdgeList &list)
{
  list.edges.reserve(k.first[end] - k.first[begin] + 1);
  list.size = 0;
  list.chunks.clear();
  std::vector<Found> found;
  for (int i = begin; i < end; i++)
    for (std::int64_t e = k.first[i]; e < k.first[i + 1]; e++) {
      found.push_back(found_edge(k, i, e));
      if (found.size() == CHUNK) add_chunk(k, found, list);
    }
  add_chunk(k, found, list);
}

// Whether each edge within a part has its reverse there, as far as counting tells.
inline bool is_symmetric(const Kernel &k, int begin, int end)
{
  std::vector<int> balance(end - begin, 0);
  for (int i = begin; i < end; i++)
    for (std::int64_t e = k.first[i]; e < k.first[i + 1]; e++) {
      const int j = static_cast<int>(k.sender[e]);
      if (j >= begin && j < end && j != i) balance[std::min(i, j) - begin] += j < i ? 1 : -1;
    }
  return std::all_of(balance.begin(), balance.end(), [](int n) { return n == 0; });
}

// Lists the edges of each part. A part whose edges do not have their reverses has no pairs.
void find_edges(Kernel &k)
{
  share(k, k.n_local, [&](int part, int begin, int end) {
    Scratch &s = *k.scratch[part];
    if (!is_symmetric(k, begin, end)) {
      list_edges(k, begin, end, s.single);
      s.pairs.chunks.clear();
      return;
    }
    EdgeList *const lists[2] = {&s.pairs, &s.single};
    std::vector<Found> found[2];
    for (EdgeList *list : lists) {
      list->edges.reserve(k.first[end] - k.first[begin] + 1);
      list->size = 0;
      list->chunks.clear();
    }
    for (int i = begin; i < end; i++)
      for (std::int64_t e = k.first[i]; e < k.first[i + 1]; e++) {
        const int j = static_cast<int>(k.sender[e]);
        const bool inside = j >= begin && j < end;
        if (inside && j > i) continue;    // its reverse stands for it
        const int which = inside && j < i ? 0 : 1;
        found[which].push_back(found_edge(k, i, e));
        if (found[which].size() == CHUNK) add_chunk(k, found[which], *lists[which]);
      }
    for (int which = 0; which < 2; which++) add_chunk(k, found[which], *lists[which]);
  });
}

}    // namespace
