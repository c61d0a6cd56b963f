// The part of the pair style that reads its commands and sets up a run.

#include "pair_exchange.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>

using namespace LAMMPS_NS;

namespace redoxmc {
namespace {
  // the limit that OMP_NUM_THREADS sets, one without it: as LAMMPS itself counts
  int thread_limit()
  {
    const char *text = std::getenv("OMP_NUM_THREADS");
    const int threads = text ? std::atoi(text) : 1;
    return threads > 0 ? threads : 1;
  }

  // Which of the ranks on its node this is. Where LAMMPS has some of MPI's ranks only, they cannot
  // count themselves, and what divides them says it.
  int rank_on_node(MPI_Comm world)
  {
    if (const char *text = std::getenv("REDOXMC_RANK_ON_NODE")) return std::max(0, std::atoi(text));
    MPI_Comm node;
    int rank = 0;
    MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &rank);
    MPI_Comm_free(&node);
    return rank;
  }

  // known: separated by ", "
  void refuse_other(Error *error, const char *key, const std::string &value, const std::string &known)
  {
    if ((", " + known + ", ").find(", " + value + ", ") == std::string::npos)
      error->all(FLERR, "pair_style redoxmc: {} '{}' is not one of {}", key, value, known);
  }
}    // namespace

PairRedoxmc::PairRedoxmc(LAMMPS *lmp) : Pair(lmp)
{
  single_enable = 0;
  restartinfo = 0;
  writedata = 0;
  one_coeff = 1;
  manybody_flag = 1;
  no_virial_fdotr_compute = 1;
  centroidstressflag = CENTROID_NOTAVAIL;
}

PairRedoxmc::~PairRedoxmc()
{
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

void PairRedoxmc::settings(int narg, char **arg)
{
  wanted_backend_ = wanted_device_ = "auto";
  for (int i = 0; i < narg; i += 2) {
    const bool backend = strcmp(arg[i], "backend") == 0;
    if (i + 1 == narg || (!backend && strcmp(arg[i], "device") != 0))
      error->all(FLERR, "Expected: pair_style redoxmc [backend auto|torchscript|native] "
                        "[device auto|cpu|cuda]");
    (backend ? wanted_backend_ : wanted_device_) = arg[i + 1];
  }
  refuse_other(error, "backend", wanted_backend_, "auto, torchscript, native");
  refuse_other(error, "device", wanted_device_, "auto, cpu, cuda");
  if (wanted_backend_ == "native" && wanted_device_ == "cuda")
    error->all(FLERR, "pair_style redoxmc: native kernels run on the CPU, so 'backend native' does not "
                      "go with 'device cuda'; leave one of them out");
  // LAMMPS keeps the instance when the style is named again: another backend needs a new pair_coeff
  if (allocated)
    for (int i = 1; i <= atom->ntypes; i++)
      for (int j = 1; j <= atom->ntypes; j++) setflag[i][j] = 0;
}

void PairRedoxmc::coeff(int narg, char **arg)
{
  const int ntypes = atom->ntypes;
  if (narg < 3 || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0)
    error->all(FLERR, "Expected: pair_coeff * * MODEL.pt SPECIES ..., one species for each type");
  load(arg[2]);
  if (narg != 3 + ntypes)
    error->all(FLERR, "pair_coeff * * {}: {} species for {} atom types; the model has {}", arg[2],
               narg - 3, ntypes, metadata_.names());

  rows_.assign(ntypes + 1, -1);
  reference_.assign(ntypes + 1, 0.0);
  masses_.assign(ntypes + 1, 0.0);
  for (int type = 1; type <= ntypes; type++) {
    const ModelSpecies *species = metadata_.find(arg[2 + type]);
    if (!species)
      error->all(FLERR, "pair_coeff * * {}: the model has no species '{}'; it has {}", arg[2],
                 arg[2 + type], metadata_.names());
    rows_[type] = species->row;
    reference_[type] = species->reference_energy;
    masses_[type] = species->mass;
  }

  if (!allocated) {
    allocated = 1;
    memory->create(setflag, ntypes + 1, ntypes + 1, "pair:setflag");
    memory->create(cutsq, ntypes + 1, ntypes + 1, "pair:cutsq");
  }
  for (int i = 1; i <= ntypes; i++)
    for (int j = 1; j <= ntypes; j++) setflag[i][j] = 1;
}

// Every rank reads the file itself: it is small, and fails alike on all of them.
void PairRedoxmc::load(const std::string &given)
{
  std::filesystem::path path(given);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) path /= "model.pt";
  if (!std::filesystem::is_regular_file(path, ignored))
    error->all(FLERR, "pair_coeff: model file '{}' does not exist", path.string());
  file_ = path.string();
  result_ = Evaluation();
  per_atom_.clear();
  std::string problem;
  const bool native = wanted_backend_ != "torchscript" && wanted_device_ != "cuda" &&
      load_native_kernels();
  if (!native) {
    const Place place{wanted_device_, wanted_device_ == "cpu" ? 0 : rank_on_node(world)};
    try {
      take(load_torchscript(file_, thread_limit(), place));
    } catch (const NoDevice &failure) {
      problem = "pair_style redoxmc device " + wanted_device_ + ": " + failure.what();
    } catch (const std::exception &failure) {
      problem = "pair_coeff: '" + file_ + "' is not a usable model: " + failure.what();
    }
    problem = of_any_rank(problem);
  }
  if (!problem.empty()) error->all(FLERR, "{}", problem);
  if (!native && comm->me == 0 && torch_has_slow_blas())
    error->warning(FLERR, "redoxmc: LAMMPS' own slow BLAS is used instead of torch's, and float64 models "
                   "run up to 1.7 times slower; in Python, import torch before the first LAMMPS is made");
  if (comm->me == 0)
    utils::logmesg(lmp, "redoxmc: {} ({}, {}, {} layers of {} A), backend {}, device {}\n", file_,
                   metadata_.architecture, metadata_.dtype, metadata_.n_layers, metadata_.r_cut,
                   backend_->name(), device_);
}

void PairRedoxmc::take(LoadedModel model)
{
  metadata_ = std::move(model.metadata);
  device_ = std::move(model.device);
  backend_ = std::move(model.backend);
  per_atom_ = std::move(model.per_atom);
}

// True where all ranks have them. What one rank finds holds for all: the cache is a file.
bool PairRedoxmc::load_native_kernels()
{
  std::string answer;
  if (comm->me == 0) answer = find_native(file_);
  tell_all(answer, 0);
  std::string problem = answer.substr(3);
  if (answer[0] == 'o') {
    const std::string library = problem;
    problem.clear();
    try {
      take(load_native(library, thread_limit()));
    } catch (const std::exception &failure) {
      problem = library + " is of no use here: " + failure.what() + ".";
    }
    problem = of_any_rank(problem);
  }
  if (problem.empty()) return true;
  backend_.reset();
  per_atom_.clear();
  if (wanted_backend_ == "native")
    error->all(FLERR, "pair_style redoxmc backend native: {}", problem);
  if (comm->me == 0) utils::logmesg(lmp, "redoxmc: no native kernels: {}\n", problem);
  return false;
}

void PairRedoxmc::init_style()
{
  if (strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR, "pair_style redoxmc needs 'units metal', not '{}'", update->unit_style);
  if (domain->dimension != 3) error->all(FLERR, "pair_style redoxmc needs three dimensions");
  if (!atom->tag_enable) error->all(FLERR, "pair_style redoxmc needs atom IDs ('atom_modify id yes')");
  if (atom->molecular != Atom::ATOMIC)
    error->all(FLERR, "pair_style redoxmc needs an atom style without bonds, as atomic or charge");
  if (neighbor->nex_type || neighbor->nex_group || neighbor->nex_mol || neighbor->includegroup)
    error->all(FLERR, "pair_style redoxmc cannot leave neighbours out: no 'neigh_modify exclude' or "
                      "'include'");
  if (force->pair_match("^hybrid$", 0))
    error->all(FLERR, "pair_style hybrid would cut edges out of the model; use hybrid/overlay");

  if (comm->nprocs == 1) {
    neighbor->add_request(this, NeighConst::REQ_FULL);
  } else {
    if (!force->newton_pair)
      error->all(FLERR, "pair_style redoxmc on several ranks needs 'newton on'");
    if (comm->mode != Comm::SINGLE)
      error->all(FLERR, "pair_style redoxmc on several ranks needs 'comm_modify mode single'");
    const bool ghosts_receive = !backend_->exchanges();
    neighbor->add_request(this, ghosts_receive ? NeighConst::REQ_FULL | NeighConst::REQ_GHOST
                                               : NeighConst::REQ_FULL);
    comm_forward = comm_reverse = doubles(backend_->exchange_bytes());
    // LAMMPS sizes its buffers by the outer style, and hybrid/overlay has asked before
    force->pair->comm_forward = std::max(force->pair->comm_forward, comm_forward);
    force->pair->comm_reverse = std::max(force->pair->comm_reverse, comm_reverse);
    const double reach = backend_->halo_cutoffs() * metadata_.r_cut + neighbor->skin;
    if (comm->cutghostuser < reach) comm->cutghostuser = reach;
  }

  // a permuted pair_coeff line is the likeliest mistake of an input written by hand
  if (comm->me == 0 && atom->mass && atom->mass_setflag)
    for (int type = 1; type <= atom->ntypes; type++)
      if (atom->mass_setflag[type] && std::fabs(atom->mass[type] - masses_[type]) > 1.0)
        error->warning(FLERR, "redoxmc: type {} has mass {}, but the species that pair_coeff gives it "
                       "has {}", type, atom->mass[type], masses_[type]);
}

double PairRedoxmc::init_one(int, int)
{
  return metadata_.r_cut;
}

}    // namespace redoxmc
