// Random numbers that depend on a seed and a place alone: a run that goes on needs no stored state.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

namespace redoxmc {

class RandomStream {
 public:
  // One stream for each (seed, step, window); the same on every machine and for any number of ranks.
  RandomStream(std::int64_t seed, std::int64_t step, int window)
  {
    std::seed_seq words{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(step),
                        static_cast<std::uint32_t>(step >> 32), static_cast<std::uint32_t>(window)};
    engine_.seed(words);
  }
  // in [0, 1)
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  // 0 to n-1
  int index(int n) { return static_cast<int>(uniform() * n); }
  // of unit variance (Box and Muller); the standard library's differs between compilers
  double normal()
  {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

 private:
  std::mt19937_64 engine_;
};

}    // namespace redoxmc
