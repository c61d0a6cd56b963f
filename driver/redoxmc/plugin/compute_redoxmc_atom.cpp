#include "compute_redoxmc_atom.h"

#include "pair_redoxmc.h"

#include "atom.h"
#include "error.h"
#include "force.h"
#include "memory.h"

#include <algorithm>

using namespace LAMMPS_NS;

namespace redoxmc {

ComputeRedoxmcAtom::ComputeRedoxmcAtom(LAMMPS *lmp, int narg, char **arg) :
    Compute(lmp, narg, arg), names_(arg + 3, arg + narg)
{
  if (names_.empty())
    error->all(FLERR, "Expected: compute ID group redoxmc/atom moment|charge ...");
  peratom_flag = 1;
  size_peratom_cols = names_.size() == 1 ? 0 : static_cast<int>(names_.size());
  init();
}

ComputeRedoxmcAtom::~ComputeRedoxmcAtom()
{
  memory->destroy(vector_atom);
  memory->destroy(array_atom);
}

PairRedoxmc *ComputeRedoxmcAtom::pair() const
{
  Pair *found = force->pair_match("redoxmc", 1);
  if (!found)
    error->all(FLERR, "compute redoxmc/atom needs a pair_style redoxmc, and no more than one");
  return static_cast<PairRedoxmc *>(found);
}

void ComputeRedoxmcAtom::init()
{
  int columns = 0;    // an error, on all ranks, where the model lacks one
  for (const auto &name : names_) pair()->extract_peratom(name.c_str(), columns);
}

void ComputeRedoxmcAtom::compute_peratom()
{
  // the library asks a compute again only if this is not the present step: values may have changed
  // within the step
  invoked_peratom = -1;
  const PairRedoxmc *model = pair();
  const int n = atom->nlocal, columns = static_cast<int>(names_.size());
  if (atom->nmax > size_) {
    size_ = atom->nmax;
    if (columns == 1) {
      memory->destroy(vector_atom);
      memory->create(vector_atom, size_, "redoxmc/atom:vector");
    } else {
      memory->destroy(array_atom);
      memory->create(array_atom, size_, columns, "redoxmc/atom:array");
    }
  }
  for (int column = 0; column < columns; column++) {
    const std::vector<double> *values = model->per_atom(names_[column]);
    if (n > 0 && (!values || static_cast<int>(values->size()) != n))
      error->one(FLERR, "compute redoxmc/atom: the atoms are others than in the last evaluation; "
                        "do a 'run 0' first");
    for (int i = 0; i < n; i++) {
      const double value = atom->mask[i] & groupbit ? (*values)[i] : 0.0;
      if (columns == 1)
        vector_atom[i] = value;
      else
        array_atom[i][column] = value;
    }
  }
}

double ComputeRedoxmcAtom::memory_usage()
{
  return static_cast<double>(size_) * static_cast<double>(names_.size()) * sizeof(double);
}

}    // namespace redoxmc
