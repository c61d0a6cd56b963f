// The part of the fix that reads its command and carries its data along.

#include "fix_redoxmc_swap.h"

#include "pair_redoxmc.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "update.h"
#include "utils.h"

#include <cstring>

using namespace LAMMPS_NS;

namespace redoxmc {

constexpr char USAGE[] = "Expected: fix ID group redoxmc/swap N M seed T types A B [length L] "
                         "[radius R] [reach D] [tolerance d] [windows auto|nx ny nz] "
                         "[evaluate local|whole]";

FixRedoxmcSwap::FixRedoxmcSwap(LAMMPS *lmp, int narg, char **arg) : Fix(lmp, narg, arg)
{
  if (narg < 10) error->all(FLERR, USAGE);
  nevery = utils::inumeric(FLERR, arg[3], false, lmp);
  settings_.attempts = utils::inumeric(FLERR, arg[4], false, lmp);
  settings_.seed = utils::inumeric(FLERR, arg[5], false, lmp);
  if (nevery < 1) error->all(FLERR, "fix redoxmc/swap: N = {} must be at least 1 step", arg[3]);
  if (settings_.attempts < 1)
    error->all(FLERR, "fix redoxmc/swap: M = {} must be at least 1 attempt", arg[4]);
  if (settings_.seed < 1) error->all(FLERR, "fix redoxmc/swap: seed {} must be positive", arg[5]);
  settings_.thermal_energy = force->boltz * number("temperature", arg[6], true);
  read_keywords(narg, arg);
  if (types_[0].empty()) error->all(FLERR, USAGE);

  vector_flag = scalar_flag = 1;
  size_vector = 7;
  global_freq = 1;
  extvector = extscalar = 0;
  restart_global = restart_peratom = 1;
  create_attribute = 1;
  comm_reverse = 3;
  grow_arrays(atom->nmax);
  atom->add_callback(Atom::GROW);
  atom->add_callback(Atom::RESTART);
  for (int i = 0; i < atom->nlocal; i++) set_arrays(i);
}

FixRedoxmcSwap::~FixRedoxmcSwap()
{
  atom->delete_callback(id, Atom::GROW);
  atom->delete_callback(id, Atom::RESTART);
  memory->destroy(sites_);
  memory->destroy(others_);
}

double FixRedoxmcSwap::number(const char *word, const char *text, bool positive)
{
  const double value = utils::numeric(FLERR, text, false, lmp);
  if (!(positive ? value > 0.0 : value >= 0.0) || !std::isfinite(value))
    error->all(FLERR, "fix redoxmc/swap: {} = {} must be {}", word, text,
               positive ? "positive" : "0 or more");
  return value;
}

void FixRedoxmcSwap::read_keywords(int narg, char **arg)
{
  int at = 7;
  const auto take = [&](int count) {
    if (at + count >= narg)
      error->all(FLERR, "fix redoxmc/swap: the keyword {} wants {} value(s)", arg[at], count);
    at += count + 1;
    return arg + at - count;
  };
  while (at < narg) {
    const std::string word = arg[at];
    if (word == "types") {
      char **value = take(2);
      for (int k = 0; k < 2; k++) types_[k] = value[k];
    } else if (word == "length") {
      char *value = *take(1);
      settings_.length = utils::inumeric(FLERR, value, false, lmp);
      if (settings_.length < 0)
        error->all(FLERR, "fix redoxmc/swap: length = {} must be 0 or more steps", value);
    } else if (word == "radius") {
      settings_.radius = number("radius", *take(1), false);
    } else if (word == "reach") {
      settings_.reach = number("reach", *take(1), true);
    } else if (word == "tolerance") {
      tolerance_ = number("tolerance", *take(1), true);
    } else if (word == "windows") {
      auto_windows_ = at + 1 < narg && strcmp(arg[at + 1], "auto") == 0;
      char **value = take(auto_windows_ ? 1 : 3);
      for (int k = 0; !auto_windows_ && k < 3; k++) {
        settings_.windows[k] = utils::inumeric(FLERR, value[k], false, lmp);
        if (settings_.windows[k] < 1)
          error->all(FLERR, "fix redoxmc/swap: windows must be positive, not {}", value[k]);
      }
    } else if (word == "evaluate") {
      const std::string value = *take(1);
      whole_ = value == "whole";
      if (!whole_ && value != "local")
        error->all(FLERR, "fix redoxmc/swap: evaluate {} is not one of local, whole", value);
    } else {
      error->all(FLERR,
                 "fix redoxmc/swap: unknown keyword '{}'; it knows types, length, radius, reach, "
                 "tolerance, windows, evaluate", word);
    }
  }
}

int FixRedoxmcSwap::setmask()
{
  return FixConst::PRE_REVERSE | FixConst::END_OF_STEP;
}

void FixRedoxmcSwap::init()
{
  if (utils::strmatch(update->integrate_style, "^respa"))
    error->all(FLERR, "fix redoxmc/swap needs 'run_style verlet', not respa");
  Pair *found = force->pair_match("^redoxmc$", 0);
  if (!found || found != force->pair || force->kspace)
    error->all(FLERR, "fix redoxmc/swap needs pair_style redoxmc alone: with other pair styles or "
                      "kspace_style an energy has no finite range");
  pair_ = static_cast<PairRedoxmc *>(found);
  if (atom->rmass_flag) error->all(FLERR, "fix redoxmc/swap needs masses by type");
  for (int k = 0; k < 2; k++) {
    settings_.types[k] = utils::expand_type_int(FLERR, types_[k], Atom::ATOM, lmp);
    if (settings_.types[k] < 1 || settings_.types[k] > atom->ntypes)
      error->all(FLERR, "fix redoxmc/swap: type {} is not one of the {} atom types", types_[k],
                 atom->ntypes);
  }
  if (settings_.types[0] == settings_.types[1])
    error->all(FLERR, "fix redoxmc/swap: types {} and {} are the same", types_[0], types_[1]);
  settings_.mass.assign(atom->mass, atom->mass + atom->ntypes + 1);
  if (settings_.mass[settings_.types[0]] != settings_.mass[settings_.types[1]])
    error->all(FLERR, "fix redoxmc/swap: types {} and {} must have equal masses", types_[0],
               types_[1]);
  settings_.row.assign(atom->ntypes + 1, 0);
  for (int type = 1; type <= atom->ntypes; type++) settings_.row[type] = pair_->row(type);
  settings_.mvv2e = force->mvv2e;
  region_ = std::make_unique<Region>(pair_->backend(), pair_->metadata(), whole_);
}

double FixRedoxmcSwap::compute_scalar()
{
  return counts_.attempts > 0 ? counts_.accepted / counts_.attempts : 0.0;
}

double FixRedoxmcSwap::compute_vector(int k)
{
  const double paths = counts_.attempts - counts_.refused;
  const double values[] = {counts_.attempts,
                           counts_.accepted,
                           paths > 0 ? counts_.work / paths : 0.0,
                           counts_.potential,
                           counts_.refused,
                           static_cast<double>(settings_.windows[0]) * settings_.windows[1] *
                               settings_.windows[2],
                           seconds_};
  return values[k];
}

double FixRedoxmcSwap::memory_usage()
{
  return 6.0 * atom->nmax * sizeof(double);
}

void FixRedoxmcSwap::grow_arrays(int n)
{
  memory->grow(sites_, n, 3, "redoxmc/swap:sites");
  memory->grow(others_, n, 3, "redoxmc/swap:others");
}

void FixRedoxmcSwap::copy_arrays(int i, int j, int)
{
  std::copy(sites_[i], sites_[i] + 3, sites_[j]);
  std::copy(others_[i], others_[i] + 3, others_[j]);
}

void FixRedoxmcSwap::set_arrays(int i)
{
  domain->x2lamda(atom->x[i], sites_[i]);
  std::fill(others_[i], others_[i] + 3, 0.0);
}

int FixRedoxmcSwap::pack_exchange(int i, double *buffer)
{
  std::copy(sites_[i], sites_[i] + 3, buffer);
  std::copy(others_[i], others_[i] + 3, buffer + 3);
  return 6;
}

int FixRedoxmcSwap::unpack_exchange(int i, double *buffer)
{
  std::copy(buffer, buffer + 3, sites_[i]);
  std::copy(buffer + 3, buffer + 6, others_[i]);
  return 6;
}

void FixRedoxmcSwap::write_restart(FILE *file)
{
  const double values[] = {counts_.attempts, counts_.accepted, counts_.refused, counts_.work,
                           counts_.potential};
  const int bytes = sizeof(values);
  if (comm->me != 0) return;
  fwrite(&bytes, sizeof(int), 1, file);
  fwrite(values, bytes, 1, file);
}

void FixRedoxmcSwap::restart(char *buffer)
{
  double values[5];
  memcpy(values, buffer, sizeof(values));
  counts_.attempts = values[0];
  counts_.accepted = values[1];
  counts_.refused = values[2];
  counts_.work = values[3];
  counts_.potential = values[4];
}

int FixRedoxmcSwap::pack_restart(int i, double *buffer)
{
  buffer[0] = 4;
  std::copy(sites_[i], sites_[i] + 3, buffer + 1);
  return 4;
}

void FixRedoxmcSwap::unpack_restart(int i, int nth)
{
  const double *values = atom->extra[i];
  for (int k = 0; k < nth; k++) values += static_cast<int>(*values);
  std::copy(values + 1, values + 4, sites_[i]);
}

}    // namespace redoxmc
