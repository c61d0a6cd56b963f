// Functions of vectors that the language lacks.
#pragma once

#include "vectors.h"

#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace {

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define CAN_SHUFFLE 1
#endif
#endif

using Integer = std::conditional_t<sizeof(S) == 8, std::int64_t, std::int32_t>;
typedef Integer IV __attribute__((vector_size(LANES * sizeof(S))));

// e^x to rounding: 2^n times the Taylor series of the rest, which is at most ln 2 / 2.
INLINE V exponential(V x)
{
  constexpr bool WIDE = sizeof(S) == 8;
  constexpr S LIMIT = WIDE ? S(708.0) : S(87.0);
  constexpr int MANTISSA = WIDE ? 52 : 23, BIAS = WIDE ? 1023 : 127, ORDER = WIDE ? 13 : 7;
  const V high = V{} + LIMIT, low = V{} - LIMIT;
  x = x > high ? high : x;    // a number that is none stays as it is
  x = x < low ? low : x;
  // adding this leaves the nearest integer in the last bits
  constexpr S MAGIC = WIDE ? S(6755399441055744.0) : S(12582912.0);
  const V shifted = x * S(1.4426950408889634074) + MAGIC, n = shifted - MAGIC;
  constexpr S LN2_HIGH = WIDE ? S(6.93145751953125e-1) : S(0.693359375);
  constexpr S LN2_LOW = WIDE ? S(1.42860682030941723212e-6) : S(-2.12194440e-4);
  const V r = (x - n * LN2_HIGH) - n * LN2_LOW;
  constexpr double FACTORIAL[14] = {1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800, 39916800,
                                    479001600, 6227020800};
  V sum = V{} + S(1.0 / FACTORIAL[ORDER]);
  for (int k = ORDER - 1; k >= 0; k--) sum = sum * r + S(1.0 / FACTORIAL[k]);
  IV bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  bits = (bits + Integer(BIAS)) << MANTISSA;    // what stood above the integer is shifted out
  V scale;
  std::memcpy(&scale, &bits, sizeof(scale));
  return sum * scale;
}

// y = x / (1 + e^-x) of n numbers, a multiple of LANES; x becomes its slope.
inline void silu(S *x, S *y, int n)
{
  for (int i = 0; i < n; i += LANES) {
    const V v = ld(x + i), s = S(1) / (S(1) + exponential(-v));
    st(y + i, v * s);
    st(x + i, s * (S(1) + v * (S(1) - s)));
  }
}

// Sums over lanes of four vectors, left in parts: SPAN / 4 of each in turn, added to `to`.
constexpr int SPAN = LANES < 4 ? 4 : LANES;

#ifdef CAN_SHUFFLE
template <int... I> INLINE V pick(V a, V b, std::integer_sequence<int, I...>)
{
  constexpr int H = LANES / 2, Q = LANES / 4;
  (void) Q;
  // halves: lower ones of a and b, upper ones; quarters: the first of each half, the second
  return __builtin_shufflevector(a, b, (I < H ? I : I + H)...);
}
template <int... I> INLINE V pick_upper(V a, V b, std::integer_sequence<int, I...>)
{
  constexpr int H = LANES / 2;
  return __builtin_shufflevector(a, b, (I < H ? I + H : I + LANES)...);
}
template <int... I> INLINE V pick_quarters(V a, V b, std::integer_sequence<int, I...>)
{
  constexpr int Q = LANES / 4;
  return __builtin_shufflevector(a, b, (I % Q + 2 * Q * (I / Q))...);
}
template <int... I> INLINE V pick_upper_quarters(V a, V b, std::integer_sequence<int, I...>)
{
  constexpr int Q = LANES / 4;
  return __builtin_shufflevector(a, b, (I % Q + 2 * Q * (I / Q) + Q)...);
}
#endif

INLINE void add_sums(S *to, V a, V b, V c, V d)
{
#ifdef CAN_SHUFFLE
  if constexpr (LANES >= 4) {
    constexpr auto all = std::make_integer_sequence<int, LANES>();
    const V ab = pick(a, b, all) + pick_upper(a, b, all);
    const V cd = pick(c, d, all) + pick_upper(c, d, all);
    st(to, ld(to) + (pick_quarters(ab, cd, all) + pick_upper_quarters(ab, cd, all)));
    return;
  }
#endif
  const V four[4] = {a, b, c, d};
  for (int q = 0; q < 4; q++) to[q * (SPAN / 4)] += sum(four[q]);
}

}    // namespace
