// The part of fix redoxmc/swap that runs at every N-th step.
//
// At the end of a step, when positions and velocities belong together. Every rank gets a copy of all
// atoms, makes the moves of its windows, and tells the others what it changed. The forces for the next
// step are then evaluated anew: those of the pair style. What other fixes added to them (a Langevin
// bath's noise, which must be the same in both halves of a step) is kept.

#include "fix_redoxmc_swap.h"

#include "pair_redoxmc.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "modify.h"
#include "neighbor.h"
#include "update.h"

#include <ctime>
#include <numeric>

using namespace LAMMPS_NS;

namespace redoxmc {
namespace {

  constexpr int WIDTH = 9;       // numbers of an atom: ID, type, member, position, site
  constexpr int CHANGE = 5;      // of a change: atom, type, shift
  constexpr double BOX = 4.0;    // Å: width of the boxes that atoms are sorted into

}    // namespace

Cell FixRedoxmcSwap::cell() const
{
  const double *h = domain->h;
  const double vectors[9] = {h[0], 0.0, 0.0, h[5], h[1], 0.0, h[4], h[3], h[2]};
  const bool periodic[3] = {domain->xperiodic != 0, domain->yperiodic != 0, domain->zperiodic != 0};
  Cell result;
  result.set(domain->boxlo, vectors, periodic);
  return result;
}

// As many windows as ranks, where the cell is large enough for them.
void FixRedoxmcSwap::divide(const Cell &cell)
{
  SwapSettings &s = settings_;
  if (auto_windows_) std::copy_n(comm->procgrid, 3, s.windows);
  while (true) {
    const bool several = s.windows[0] * s.windows[1] * s.windows[2] > 1;
    s.tolerance = tolerance_ < 0.0 && several ? 1.0 : tolerance_;
    const double margin = window_margin(s, pair_->metadata());
    if (windows_fit(cell, s.windows, margin)) break;
    if (!auto_windows_)
      error->all(FLERR, "fix redoxmc/swap: windows {} {} {} leave no room in this cell: each needs "
                        "more than {:.4g} A in a direction that is divided", s.windows[0],
                 s.windows[1], s.windows[2], 2.0 * margin);
    int thinnest = 0;
    for (int k = 1; k < 3; k++) {
      const auto width = [&](int d) { return s.windows[d] > 1 ? cell.heights[d] / s.windows[d] : 1e9; };
      if (width(k) < width(thinnest)) thinnest = k;
    }
    s.windows[thinnest]--;
  }
  const int windows = s.windows[0] * s.windows[1] * s.windows[2];
  if (comm->me == 0 && windows < comm->nprocs && auto_windows_ && !said_windows_)
    error->warning(FLERR, "fix redoxmc/swap: this cell has room for {} window(s), so that not all of "
                   "{} ranks make moves", windows, comm->nprocs);
  said_windows_ = true;
}

// The numbers of all ranks, one after the other.
std::vector<double> FixRedoxmcSwap::share(const std::vector<double> &mine) const
{
  if (comm->nprocs == 1) return mine;
  const int count = static_cast<int>(mine.size());
  std::vector<int> counts(comm->nprocs), begins(comm->nprocs, 0);
  MPI_Allgather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, world);
  std::partial_sum(counts.begin(), counts.end() - 1, begins.begin() + 1);
  std::vector<double> all(begins.back() + counts.back());
  MPI_Allgatherv(mine.data(), count, MPI_DOUBLE, all.data(), counts.data(), begins.data(),
                 MPI_DOUBLE, world);
  return all;
}

// All atoms of all ranks by ID; returns where this rank has them, or -1.
std::vector<int> FixRedoxmcSwap::gather(SwapAtoms &all) const
{
  std::vector<double> mine;
  mine.reserve(static_cast<std::size_t>(WIDTH) * atom->nlocal);
  for (int i = 0; i < atom->nlocal; i++) {
    const double *x = atom->x[i], *s = sites_[i];
    mine.insert(mine.end(), {static_cast<double>(atom->tag[i]), static_cast<double>(atom->type[i]),
                             atom->mask[i] & groupbit ? 1.0 : 0.0, x[0], x[1], x[2], s[0], s[1],
                             s[2]});
  }
  const std::vector<double> data = share(mine);
  const int n = static_cast<int>(data.size() / WIDTH), count = atom->nlocal;
  std::vector<int> order(n), home(n, -1);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return data[WIDTH * a] < data[WIDTH * b]; });
  std::vector<int> counts(comm->nprocs);
  MPI_Allgather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, world);
  const int before = std::accumulate(counts.begin(), counts.begin() + comm->me, 0);
  all.crystal.cell = cell();
  all.crystal.x.resize(3 * n);
  all.site.resize(3 * n);
  all.crystal.row.resize(n);
  all.type.resize(n);
  all.member.resize(n);
  for (int k = 0; k < n; k++) {
    const double *from = &data[WIDTH * order[k]];
    all.type[k] = static_cast<int>(from[1]);
    all.crystal.row[k] = settings_.row[all.type[k]];
    all.member[k] = from[2] != 0.0;
    std::copy_n(from + 3, 3, &all.crystal.x[3 * k]);
    all.crystal.cell.cartesian(from + 6, &all.site[3 * k]);
    if (order[k] >= before && order[k] < before + count) home[k] = order[k] - before;
  }
  all.crystal.bins.build(all.crystal.cell, all.crystal.x, BOX);
  all.site_bins.build(all.crystal.cell, all.site, BOX);
  return home;
}

// The pair style's forces, before others are added.
void FixRedoxmcSwap::pre_reverse(int, int)
{
  if (update->ntimestep % nevery) return;
  const int n = atom->nlocal + atom->nghost;
  pair_force_.resize(3 * n);
  for (int i = 0; i < n; i++) std::copy_n(atom->f[i], 3, &pair_force_[3 * i]);
  if (force->newton) comm->reverse_comm(this);
}

int FixRedoxmcSwap::pack_reverse_comm(int n, int first, double *buffer)
{
  std::copy_n(&pair_force_[3 * first], 3 * n, buffer);
  return 3 * n;
}

void FixRedoxmcSwap::unpack_reverse_comm(int n, int *atoms, double *buffer)
{
  for (int k = 0; k < 3 * n; k++) pair_force_[3 * atoms[k / 3] + k % 3] += buffer[k];
}

void FixRedoxmcSwap::end_of_step()
{
  SwapAtoms all;
  const std::vector<int> home = gather(all);
  divide(all.crystal.cell);
  settings_.time_step = update->dt;
  const double margin = window_margin(settings_, pair_->metadata());
  const int windows = settings_.windows[0] * settings_.windows[1] * settings_.windows[2];
  std::vector<double> mine;
  SwapCounts counts;
  const std::clock_t start = std::clock();
  for (int window = comm->me; window < windows; window += comm->nprocs)
    for (const SwapChange &change : swap_in_window(all, *region_, settings_, margin,
                                                   update->ntimestep, window, counts))
      mine.insert(mine.end(), {static_cast<double>(change.atom), static_cast<double>(change.type),
                               change.shift[0], change.shift[1], change.shift[2]});
  const double spent = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  double most = spent;
  MPI_Allreduce(&spent, &most, 1, MPI_DOUBLE, MPI_MAX, world);
  seconds_ += most;
  const double own[] = {counts.attempts, counts.accepted, counts.refused, counts.work,
                        counts.potential};
  double sums[5];
  MPI_Allreduce(own, sums, 5, MPI_DOUBLE, MPI_SUM, world);
  counts_.attempts += sums[0];
  counts_.accepted += sums[1];
  counts_.refused += sums[2];
  counts_.work += sums[3];
  counts_.potential += sums[4];
  if (sums[1] == 0.0) return;

  for (int i = 0; i < atom->nlocal; i++)
    for (int k = 0; k < 3; k++) others_[i][k] = atom->f[i][k] - pair_force_[3 * i + k];
  const std::vector<double> changes = share(mine);
  for (std::size_t c = 0; c < changes.size(); c += CHANGE) {
    const int i = home[static_cast<int>(changes[c])];
    if (i < 0) continue;
    atom->type[i] = static_cast<int>(changes[c + 1]);
    for (int k = 0; k < 3; k++) atom->x[i][k] += changes[c + 2 + k];
  }
  evaluate_again();
}

// As at a step that reneighbours, and always with energies and virial: the output of this step may
// want them.
void FixRedoxmcSwap::evaluate_again()
{
  if (domain->triclinic) domain->x2lamda(atom->nlocal);
  domain->pbc();
  if (domain->box_change) {    // a shrink-wrapped one follows what has moved
    domain->reset_box();
    comm->setup();
    if (neighbor->style) neighbor->setup_bins();
  }
  comm->exchange();
  comm->borders();
  if (domain->triclinic) domain->lamda2x(atom->nlocal + atom->nghost);
  modify->pre_neighbor();
  neighbor->build(1);
  modify->post_neighbor();

  const int n = force->newton ? atom->nlocal + atom->nghost : atom->nlocal;
  for (int i = 0; i < n; i++) std::fill_n(atom->f[i], 3, 0.0);
  constexpr int ENERGIES = 1 | 2, VIRIALS = 1 | 4;    // global and per atom; see pair.cpp
  force->pair->compute(ENERGIES, VIRIALS);
  if (force->newton) comm->reverse_comm();
  for (int i = 0; i < atom->nlocal; i++)
    for (int k = 0; k < 3; k++) atom->f[i][k] += others_[i][k];
}

}    // namespace redoxmc
