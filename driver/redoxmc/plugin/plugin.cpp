// Registration of the styles, and what must be right once per process.

#include "compute_redoxmc_atom.h"
#include "fix_redoxmc_swap.h"
#include "pair_redoxmc.h"

#include "lammps.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

// The binary interface of LAMMPS' PLUGIN package (lammpsplugin.h), which the wheel does not ship.
using Factory = void *(void *);
struct Registration {
  const char *version;
  const char *style;
  const char *name;
  const char *info;
  const char *author;
  union {
    Factory *v1;
    void *(*v2)(void *, int, char **);
  } creator;
  void *handle;
};
using Register = void (*)(Registration *, void *);

void *create(void *lmp)
{
  return new redoxmc::PairRedoxmc(static_cast<LAMMPS_NS::LAMMPS *>(lmp));
}

void *create_compute(void *lmp, int narg, char **arg)
{
  return new redoxmc::ComputeRedoxmcAtom(static_cast<LAMMPS_NS::LAMMPS *>(lmp), narg, arg);
}

void *create_fix(void *lmp, int narg, char **arg)
{
  return new redoxmc::FixRedoxmcSwap(static_cast<LAMMPS_NS::LAMMPS *>(lmp), narg, arg);
}

// By default glibc gives every large tensor back to the kernel, which then clears its pages again:
// above a thousand atoms that costs half the time of a force evaluation.
void keep_freed_memory()
{
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 2000000000);
  mallopt(M_TOP_PAD, 256 << 20);
#endif
}

}    // namespace

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *register_function)
{
  keep_freed_memory();
  Registration pair{};
  pair.version = LAMMPS_VERSION_TEXT;
  pair.style = "pair";
  pair.name = "redoxmc";
  pair.info = "charge-state-aware TorchScript models";
  pair.author = "redoxmc";
  pair.creator.v1 = create;
  pair.handle = handle;
  reinterpret_cast<Register>(register_function)(&pair, lmp);

  Registration compute = pair;
  compute.style = "compute";
  compute.name = "redoxmc/atom";
  compute.info = "moments and charges of atoms";
  compute.creator.v2 = create_compute;
  reinterpret_cast<Register>(register_function)(&compute, lmp);

  Registration fix = pair;
  fix.style = "fix";
  fix.name = "redoxmc/swap";
  fix.info = "swaps of charges along short paths";
  fix.creator.v2 = create_fix;
  reinterpret_cast<Register>(register_function)(&fix, lmp);
}
