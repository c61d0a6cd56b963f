// The edges of a graph as cPaiNN's messages want them.
//
// A filter depends on the distance alone, so that an edge and its reverse, both of which end at
// atoms of this thread, share its evaluation.
#pragma once

#include "cpainn_state.h"

#include <algorithm>
#include <cmath>

namespace {

inline void append(EdgeList &list, const Kernel &k, int to, std::int64_t id)
{
  Edge &e = list.edges.data()[list.size++];
  const double *const v = k.vectors + 3 * id;
  const double r = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  const double inverse = 1.0 / r, u = r * (1.0 / STEP);
  e.to = to;
  e.from = static_cast<int>(k.sender[id]);
  e.id = id;
  e.row = u < INTERVALS ? static_cast<int>(u) : 0;
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

inline void clear(EdgeList &list, std::int64_t room)
{
  list.edges.reserve(room + 1);
  list.size = 0;
}

// All edges of some atoms, each for itself.
inline void list_edges(const Kernel &k, int begin, int end, EdgeList &list)
{
  clear(list, k.first[end] - k.first[begin]);
  for (int i = begin; i < end; i++)
    for (std::int64_t e = k.first[i]; e < k.first[i + 1]; e++) append(list, k, i, e);
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
    const std::int64_t room = k.first[end] - k.first[begin];
    clear(s.pairs, room);
    if (!is_symmetric(k, begin, end)) return list_edges(k, begin, end, s.single);
    clear(s.single, room);
    for (int i = begin; i < end; i++)
      for (std::int64_t e = k.first[i]; e < k.first[i + 1]; e++) {
        const int j = static_cast<int>(k.sender[e]);
        const bool inside = j >= begin && j < end;
        if (inside && j > i) continue;    // its reverse stands for it
        append(inside && j < i ? s.pairs : s.single, k, i, e);
      }
  });
}

}    // namespace
