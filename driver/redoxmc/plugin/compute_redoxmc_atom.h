// compute ID group redoxmc/atom moment|charge ...
//
// Magnetic moments (Bohr magnetons) and charges (e) of atoms, from models that predict them:
//   compute m all redoxmc/atom moment charge      c_m[1] and c_m[2]; c_m where only one is asked for
//   dump d all custom 100 moments.dump id type x y z c_m[1]
// They belong to the last force evaluation, so to the present positions, in minimizations too. LAMMPS'
// own `fix pair N redoxmc moment 0` works as well but looks at the first evaluation of a time step
// only: in a minimization that is a trial of the line search, and a second `run 0` of the same step
// is not seen.
#pragma once

#include "compute.h"

#include <string>
#include <vector>

namespace redoxmc {

class ComputeRedoxmcAtom : public LAMMPS_NS::Compute {
 public:
  ComputeRedoxmcAtom(LAMMPS_NS::LAMMPS *, int, char **);
  ~ComputeRedoxmcAtom() override;

  void init() override;
  void compute_peratom() override;
  double memory_usage() override;

 private:
  std::vector<std::string> names_;
  int size_ = 0;    // atoms that the arrays hold

  class PairRedoxmc *pair() const;
};

}    // namespace redoxmc
