// The moves of fix redoxmc/swap: which atoms, along which path, accepted or not.
//
// Ensemble: positions x and charge order s with density exp(-U(x, s)/kT); velocities are not touched.
//
// A move. Ion i is drawn from those of the first type, j from those of the second whose site lies
// within `reach` of that of i (n of them). The atoms whose sites lie within `radius` of either site
// are mobile. They get velocities of a Maxwell distribution for the duration of the path, which
// takes U from s to s' (the types of i and j exchanged); its end is accepted with
// min(1, n/n' exp(-W/kT)), where n' counts the ions of the second type within reach of j after the
// move: the chance to draw the reverse is 1/(n_first n'). That is hybrid Monte Carlo over a changing
// potential (candidate_path.h). The velocities of the dynamics stay as they are, accepted or not, so
// that a refused move leaves no trace.
//
// Reversible: a *site* is where an atom was when the fix was made (carried in fractions of the cell),
// a constant; so the mobile atoms are a function of i and j alone, the same both ways.
//
// Windows. With several, the cell is divided by a grid that is shifted by random numbers, the same on
// all ranks, before each block of moves. A window draws ions only whose sites lie farther than
// n_layers r_cut + tolerance + radius inside it, and a path on which an atom strays farther than
// `tolerance` from its site is refused, at either end or between them. So mobile atoms of different
// windows are never nearer than 2 n_layers r_cut: no atom's energy depends on both, U is a sum of
// what each window changes, and moves of different windows commute. Each window's moves obey detailed
// balance for the atoms outside at rest; so does their product, whoever computes it when. The grid
// does not depend on the state, and its shift gives every ion its turn.
#pragma once

#include "candidate_path.h"

#include <cstdint>

namespace redoxmc {

struct SwapSettings {
  std::int64_t seed = 0;
  int attempts = 0;               // in a block, of all windows together
  int types[2] = {0, 0};
  double thermal_energy = 0.0;    // kT, eV
  int length = 32;                // steps of a path
  double time_step = 0.0;         // ps
  double radius = 5.0;            // Å
  double reach = -1.0;            // Å; any distance where negative
  double tolerance = -1.0;        // Å; not looked at where negative
  int windows[3] = {1, 1, 1};
  double mvv2e = 0.0;
  std::vector<double> mass;       // by type, g/mol
  std::vector<int> row;           // by type
};

// All atoms, in ascending order of their IDs, so that nothing depends on how ranks share them.
struct SwapAtoms {
  Crystal crystal;
  std::vector<int> type;
  std::vector<char> member;     // of the fix's group: others neither swap nor move
  std::vector<double> site;     // 3 per atom, Å, in the present cell
  Bins site_bins;
};

struct SwapCounts {
  double attempts = 0, accepted = 0, refused = 0, work = 0, potential = 0;
};

struct SwapChange {
  int atom, type;
  double shift[3];    // Å
};

// Å from a window's faces to the ions that it may draw; 0 in directions that are not divided
double window_margin(const SwapSettings &, const Metadata &);
// Whether ions can be that far inside their windows.
bool windows_fit(const Cell &, const int *windows, double margin);

// Makes the moves of one window in one block; returns what changed and leaves the atoms as they were.
std::vector<SwapChange> swap_in_window(SwapAtoms &, Region &, const SwapSettings &, double margin,
                                       std::int64_t step, int window, SwapCounts &);

}    // namespace redoxmc
