#include "pair_redoxmc.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

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

  // LAMMPS communicates doubles
  int doubles(int bytes)
  {
    return (bytes + static_cast<int>(sizeof(double)) - 1) / static_cast<int>(sizeof(double));
  }

  template <typename Number> void add_numbers(char *to, const double *from, int bytes)
  {
    auto *sum = reinterpret_cast<Number *>(to);
    const auto *part = reinterpret_cast<const Number *>(from);
    for (int k = 0; k < bytes / static_cast<int>(sizeof(Number)); k++) sum[k] += part[k];
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
  if (narg != 0 && (narg != 2 || strcmp(arg[0], "backend") != 0))
    error->all(FLERR, "Expected: pair_style redoxmc [backend auto|torchscript|native]");
  wanted_backend_ = narg == 0 ? "auto" : arg[1];
  if (wanted_backend_ != "auto" && wanted_backend_ != "torchscript" && wanted_backend_ != "native")
    error->all(FLERR, "pair_style redoxmc: backend '{}' is not one of auto, torchscript, native",
               wanted_backend_);
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
  std::string problem;
  const bool native = wanted_backend_ != "torchscript" && load_native_kernels();
  if (!native) try {
    LoadedModel model = load_torchscript(path.string(), thread_limit());
    metadata_ = std::move(model.metadata);
    backend_ = std::move(model.backend);
  } catch (const std::exception &failure) {
    problem = failure.what();
  }
  if (!problem.empty())
    error->all(FLERR, "pair_coeff: '{}' is not a usable model: {}", path.string(), problem);
  if (!native && comm->me == 0 && torch_has_slow_blas())
    error->warning(FLERR, "redoxmc: LAMMPS' own slow BLAS is used instead of torch's, and float64 models "
                   "run up to 1.7 times slower; in Python, import torch before the first LAMMPS is made");
  if (comm->me == 0)
    utils::logmesg(lmp, "redoxmc: {} ({}, {}, {} layers of {} A), backend {}\n", file_,
                   metadata_.architecture, metadata_.dtype, metadata_.n_layers, metadata_.r_cut,
                   backend_->name());
}

// True where all ranks have them. What one rank finds holds for all: the cache is a file.
bool PairRedoxmc::load_native_kernels()
{
  std::string answer;
  if (comm->me == 0) answer = find_native(file_);
  int length = static_cast<int>(answer.size());
  MPI_Bcast(&length, 1, MPI_INT, 0, world);
  answer.resize(length);
  MPI_Bcast(answer.data(), length, MPI_CHAR, 0, world);
  std::string problem = answer.substr(3);
  if (answer[0] == 'o') {
    const std::string library = problem;
    problem.clear();
    try {
      LoadedModel model = load_native(library, thread_limit());
      metadata_ = std::move(model.metadata);
      backend_ = std::move(model.backend);
    } catch (const std::exception &failure) {
      problem = library + " is of no use here: " + failure.what() + ".";
    }
    const int mine = problem.empty() ? 0 : 1;
    int any = mine;
    MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, world);
    if (any && problem.empty()) problem = "another rank cannot load " + library + ".";
  }
  if (problem.empty()) return true;
  backend_.reset();
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

// Raises an error on all ranks where any has a problem: one that raised it alone would leave the
// others waiting, and the caller could not go on.
void PairRedoxmc::fail_together(const std::string &problem)
{
  const int mine = problem.empty() ? 0 : 1;
  int any = mine;
  if (comm->nprocs > 1) MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, world);
  if (!any) return;
  error->all(FLERR, "pair_style redoxmc: {}",
             mine ? problem : std::string("the model failed on another rank"));
}

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

void PairRedoxmc::communicate(void *data, int bytes, bool is_double, bool to_owners)
{
  sent_ = {static_cast<char *>(data), bytes, is_double};
  if (to_owners)
    comm->reverse_comm(this, doubles(bytes));
  else
    comm->forward_comm(this, doubles(bytes));
}

int PairRedoxmc::pack_forward_comm(int n, int *atoms, double *buffer, int, int *)
{
  const int step = doubles(sent_.bytes);
  for (int k = 0; k < n; k++)
    memcpy(buffer + static_cast<std::size_t>(k) * step,
           sent_.data + static_cast<std::size_t>(atoms[k]) * sent_.bytes, sent_.bytes);
  return n * step;
}

void PairRedoxmc::unpack_forward_comm(int n, int first, double *buffer)
{
  const int step = doubles(sent_.bytes);
  for (int k = 0; k < n; k++)
    memcpy(sent_.data + static_cast<std::size_t>(first + k) * sent_.bytes,
           buffer + static_cast<std::size_t>(k) * step, sent_.bytes);
}

int PairRedoxmc::pack_reverse_comm(int n, int first, double *buffer)
{
  const int step = doubles(sent_.bytes);
  for (int k = 0; k < n; k++)
    memcpy(buffer + static_cast<std::size_t>(k) * step,
           sent_.data + static_cast<std::size_t>(first + k) * sent_.bytes, sent_.bytes);
  return n * step;
}

void PairRedoxmc::unpack_reverse_comm(int n, int *atoms, double *buffer)
{
  const int step = doubles(sent_.bytes);
  for (int k = 0; k < n; k++) {
    char *to = sent_.data + static_cast<std::size_t>(atoms[k]) * sent_.bytes;
    const double *from = buffer + static_cast<std::size_t>(k) * step;
    if (sent_.is_double)
      add_numbers<double>(to, from, sent_.bytes);
    else
      add_numbers<float>(to, from, sent_.bytes);
  }
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
      exchanged_.build(graph_, atom, list, rows_, metadata_.r_cut);
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
  fail_together(evaluate());
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
  const auto found = result_.per_atom.find(name);
  if (found == result_.per_atom.end()) return nullptr;
  ncol = 0;
  return found->second.data();
}

void *PairRedoxmc::extract(const char *name, int &dim)
{
  dim = 0;
  if (strcmp(name, "moment_flag") == 0 || strcmp(name, "charge_flag") == 0) return &per_atom_flag_;
  return nullptr;
}

double PairRedoxmc::memory_usage()
{
  return Pair::memory_usage() +
      static_cast<double>(graph_.edges()) * (2 * sizeof(std::int64_t) + 6 * sizeof(double));
}

}    // namespace redoxmc
