#pragma once

#include "pair_redoxmc.h"

namespace redoxmc {

// How many doubles hold so many bytes: LAMMPS communicates doubles.
int doubles(int bytes);

// Lets a backend communicate through LAMMPS.
class PairExchange : public Exchange {
 public:
  explicit PairExchange(PairRedoxmc &pair) : pair_(pair) {}
  void from_owners(void *data, int bytes) override { pair_.communicate(data, bytes, true, false); }
  void to_owners(void *data, int width, bool is_double) override
  {
    pair_.communicate(data, width * (is_double ? sizeof(double) : sizeof(float)), is_double, true);
  }

 private:
  PairRedoxmc &pair_;
};

}    // namespace redoxmc
