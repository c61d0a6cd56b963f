// The part of the pair style that runs at every step.

#include "pair_exchange.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "neigh_list.h"

#include <cmath>
#include <exception>

using namespace LAMMPS_NS;

namespace redoxmc {

void PairRedoxmc::tell_all(std::string &text, int speaker)
{
  int length = static_cast<int>(text.size());
  MPI_Bcast(&length, 1, MPI_INT, speaker, world);
  text.resize(length);
  MPI_Bcast(text.data(), length, MPI_CHAR, speaker, world);
}

// The problem of the first rank that has one, for all ranks to raise an error: one that raised it alone
// would leave the others waiting.
std::string PairRedoxmc::of_any_rank(std::string problem)
{
  if (comm->nprocs == 1) return problem;
  const int mine = problem.empty() ? comm->nprocs : comm->me;
  int first = mine;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, world);
  if (first < comm->nprocs) tell_all(problem, first);
  return problem;
}

// Returns what went wrong, or nothing.
std::string PairRedoxmc::evaluate()
{
  const bool exchanges = comm->nprocs > 1 && backend_->exchanges();
  if (atom->nlocal == 0 && !exchanges) return "";
  PairExchange exchange(*this);
  try {
    if (comm->nprocs == 1)
      map_.build(graph_, atom, list, rows_, metadata_.r_cut);
    else if (exchanges)
      exchanged_.build(graph_, atom, list, rows_, metadata_.r_cut, ghosts_);
    else
      halo_.build(graph_, atom, list, rows_, metadata_.r_cut, backend_->halo_cutoffs());
    backend_->evaluate(graph_, result_, exchanges ? &exchange : nullptr);
  } catch (const std::exception &failure) {
    return std::string("the model failed: ") + failure.what();
  }
  double sum = 0.0;
  for (const double value : result_.energy) sum += value;
  for (const double value : result_.edge_gradient) sum += value;
  if (!std::isfinite(sum)) return "the model gives an energy or a force that is not a finite number";
  return "";
}

void PairRedoxmc::compute(int eflag, int vflag)
{
  ev_init(eflag, vflag);
  const std::string problem = of_any_rank(evaluate());
  if (!problem.empty()) error->all(FLERR, "pair_style redoxmc: {}", problem);
  if (atom->nlocal > 0) tally();
}

void PairRedoxmc::tally()
{
  if (eflag_either)
    for (int i = 0; i < graph_.n_local; i++) {
      const double energy = result_.energy[i] + reference_[atom->type[i]];
      if (eflag_global) eng_vdwl += energy;
      if (eflag_atom) eatom[i] += energy;
    }

  double **f = atom->f;
  double total[6] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
  const std::int64_t n_edges = graph_.edges();
  for (std::int64_t edge = 0; edge < n_edges; edge++) {
    const int i = graph_.atom[graph_.receiver[edge]], j = graph_.atom[graph_.sender[edge]];
    const double *gradient = &result_.edge_gradient[3 * edge];
    const double fx = -gradient[0], fy = -gradient[1], fz = -gradient[2];
    f[i][0] += fx;
    f[i][1] += fy;
    f[i][2] += fz;
    f[j][0] -= fx;
    f[j][1] -= fy;
    f[j][2] -= fz;
    if (!vflag_either) continue;
    // an edge's force is not along the edge: only sums over a neighbourhood are symmetric
    const double *d = &graph_.vectors[3 * edge];
    const double v[6] = {d[0] * fx,
                         d[1] * fy,
                         d[2] * fz,
                         0.5 * (d[0] * fy + d[1] * fx),
                         0.5 * (d[0] * fz + d[2] * fx),
                         0.5 * (d[1] * fz + d[2] * fy)};
    for (int k = 0; k < 6; k++) total[k] += v[k];
    if (vflag_atom)
      for (int k = 0; k < 6; k++) {
        vatom[i][k] += 0.5 * v[k];
        vatom[j][k] += 0.5 * v[k];
      }
  }
  if (vflag_global)
    for (int k = 0; k < 6; k++) virial[k] += total[k];
}

void *PairRedoxmc::extract_peratom(const char *name, int &ncol)
{
  ncol = 0;
  if (!per_atom_.count(name)) {
    std::string given;
    for (const auto &one : per_atom_) given += (given.empty() ? "" : ", ") + one;
    error->all(FLERR, "pair_style redoxmc: the model '{}' ({}) gives no '{}' of atoms; it gives {}",
               file_, metadata_.architecture, name, given.empty() ? "energies only" : given);
  }
  // never nullptr: fix pair takes that for an unknown name, and a rank may have no atoms
  static double nothing = 0.0;
  auto &values = result_.per_atom[name];
  return values.empty() ? &nothing : values.data();
}

const std::vector<double> *PairRedoxmc::per_atom(const std::string &name) const
{
  const auto found = result_.per_atom.find(name);
  return found == result_.per_atom.end() ? nullptr : &found->second;
}

void *PairRedoxmc::extract(const char *name, int &dim)
{
  dim = 0;
  for (const auto &quantity : per_atom_)
    if (name == quantity + "_flag") return &per_atom_flag_;
  return nullptr;
}

double PairRedoxmc::memory_usage()
{
  return Pair::memory_usage() +
      static_cast<double>(graph_.edges()) * (2 * sizeof(std::int64_t) + 6 * sizeof(double));
}

}    // namespace redoxmc
