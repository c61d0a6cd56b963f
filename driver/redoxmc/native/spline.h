// B-splines of splines.py at one point.
#pragma once

#include "vectors.h"

namespace {

// The splines that matter there, and their derivatives along the table.
struct Spline {
  int row;    // interval of the table
  S value[COEFFICIENTS], slope[COEFFICIENTS];

  // u: the place in units of intervals. Beyond `intervals` is nothing; what is not a number stays
  // visible.
  INLINE void set(double u, int intervals)
  {
    row = u < intervals ? static_cast<int>(u) : 0;
    double values[COEFFICIENTS], slopes[COEFFICIENTS];
    const double t = u - row;
    for (int j = 0; j < COEFFICIENTS; j++) {
      values[j] = SPLINE[COEFFICIENTS - 1][j];
      slopes[j] = 0.0;
    }
#pragma GCC unroll 16
    for (int n = COEFFICIENTS - 2; n >= 0; n--)
      for (int j = 0; j < COEFFICIENTS; j++) {
        slopes[j] = slopes[j] * t + values[j];
        values[j] = values[j] * t + SPLINE[n][j];
      }
    const bool nothing = u >= intervals;
    for (int j = 0; j < COEFFICIENTS; j++) {
      value[j] = nothing ? S(0) : static_cast<S>(values[j]);
      slope[j] = nothing ? S(0) : static_cast<S>(slopes[j]);
    }
  }
};

}    // namespace
