// Regions for Python (redoxmc.plugin.local_region): the same evaluation that fix redoxmc/swap makes.

#include "candidate_path.h"

#include <cstdlib>
#include <stdexcept>

using namespace redoxmc;

namespace {

  std::string problem;    // of the last call that failed

  struct Local {
    LoadedModel model;
    std::unique_ptr<Region> region;
    Crystal crystal;
    int n_mobile = 0;
  };

  LoadedModel load(const std::string &file)
  {
    const char *text = std::getenv("OMP_NUM_THREADS");
    const int threads = std::max(1, text ? std::atoi(text) : 1);
    const std::string answer = find_native(file);
    if (answer.rfind("ok ", 0) == 0) return load_native(answer.substr(3), threads);
    return load_torchscript(file, threads, Place{"cpu"});
  }

  template <typename Work> int guarded(Work work)
  {
    try {
      work();
      return 0;
    } catch (const std::exception &failure) {
      problem = failure.what();
      return 1;
    }
  }

}    // namespace

extern "C" {

const char *redoxmc_local_problem()
{
  return problem.c_str();
}

// whole: evaluate all atoms at every step. nullptr where the model cannot be loaded.
void *redoxmc_local_open(const char *file, int whole)
{
  auto local = std::make_unique<Local>();
  const int failed = guarded([&] {
    local->model = load(file);
    local->region =
        std::make_unique<Region>(*local->model.backend, local->model.metadata, whole != 0);
  });
  return failed ? nullptr : local.release();
}

void redoxmc_local_close(void *handle)
{
  delete static_cast<Local *>(handle);
}

// Row of a species in the model's table, or -1.
int redoxmc_local_row(void *handle, const char *species)
{
  const ModelSpecies *found = static_cast<Local *>(handle)->model.metadata.find(species);
  return found ? found->row : -1;
}

// n atoms at x (3 each, Å) in a periodic cell (rows, Å), by their rows before and after; those that
// may move, in ascending order. Rows may change for these only.
int redoxmc_local_begin(void *handle, int n, const double *cell, const double *x, const int *before,
                        const int *after, int n_mobile, const int *mobile)
{
  Local &local = *static_cast<Local *>(handle);
  return guarded([&] {
    constexpr double origin[3] = {0.0, 0.0, 0.0};
    constexpr bool periodic[3] = {true, true, true};
    Crystal &crystal = local.crystal;
    crystal.cell.set(origin, cell, periodic);
    crystal.x.assign(x, x + 3 * n);
    crystal.row.assign(before, before + n);
    crystal.bins.build(crystal.cell, crystal.x, 4.0);
    std::vector<int> rows[2];
    for (int m = 0; m < n_mobile; m++) {
      rows[0].push_back(before[mobile[m]]);
      rows[1].push_back(after[mobile[m]]);
    }
    int changes = 0, of_mobile = 0;
    for (int i = 0; i < n; i++) changes += before[i] != after[i];
    for (int m = 0; m < n_mobile; m++) of_mobile += rows[0][m] != rows[1][m];
    if (changes != of_mobile) throw std::runtime_error("an atom that stands still changes its species");
    local.n_mobile = n_mobile;
    local.region->begin(crystal, std::vector<int>(mobile, mobile + n_mobile), rows[0], rows[1]);
  });
}

// energies: before and after, eV, from one zero. forces: [2][n_mobile][3], eV/Å.
int redoxmc_local_evaluate(void *handle, const double *x, double *energies, double *forces)
{
  Local &local = *static_cast<Local *>(handle);
  return guarded([&] {
    local.region->evaluate(std::vector<double>(x, x + 3 * local.n_mobile));
    for (int which = 0; which < 2; which++) {
      energies[which] = local.region->energy(which);
      std::copy(local.region->forces(which).begin(), local.region->forces(which).end(),
                forces + 3 * local.n_mobile * which);
    }
  });
}

// The path of fix redoxmc/swap from where `begin` left the atoms. v: Å/ps; masses: g/mol; ps. x: where it
// ends. work: eV.
int redoxmc_local_path(void *handle, const double *v, const double *masses, int steps,
                       double time_step, double mvv2e, double *x, double *work)
{
  Local &local = *static_cast<Local *>(handle);
  return guarded([&] {
    const int n = local.n_mobile;
    const CandidatePath path =
        take_path(*local.region, local.region->start(), std::vector<double>(v, v + 3 * n),
                  std::vector<double>(masses, masses + n), steps, time_step, mvv2e,
                  [](const std::vector<double> &) { return true; });
    std::copy(path.positions.begin(), path.positions.end(), x);
    *work = path.work;
  });
}

// How many atoms a step evaluates.
int redoxmc_local_evaluated(void *handle)
{
  return static_cast<Local *>(handle)->region->evaluated();
}
}
