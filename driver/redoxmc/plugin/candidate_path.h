// A nonequilibrium candidate move: Newton's equations while the species change from one set to another.
//
// As redoxmc.dynamics.candidate, whose docstring has the proof: the path is a deterministic,
// volume-preserving map, its schedule is its own reverse, so min(1, exp(-W/kT)) with
// W = H_end - H_start obeys detailed balance for any time step and any set of moving atoms that is
// the same both ways.
#pragma once

#include "region.h"

#include <functional>

namespace redoxmc {

struct CandidatePath {
  double work = 0.0;                // eV
  double potential = 0.0;           // change of the potential energy, eV
  std::vector<double> positions;    // of the mobile atoms at its end, Å
  bool left = false;                // it went where it must not
};

// begin has been called on the region. x: Å, v: Å/ps, 3 per mobile atom; masses: g/mol. steps: 0 is an
// instant change at fixed positions. time_step: ps. mvv2e: LAMMPS' constant. allowed: asked about
// every set of positions that the path meets, its ends too, so that a path and its reverse are
// refused alike.
CandidatePath take_path(Region &, std::vector<double> x, std::vector<double> v,
                        const std::vector<double> &masses, int steps, double time_step,
                        double mvv2e, const std::function<bool(const std::vector<double> &)> &allowed);

}    // namespace redoxmc
