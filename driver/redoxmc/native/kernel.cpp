// Energies and gradients of one model, layer by layer, so that the features of ghost atoms can be
// exchanged between layers. Compiled once for each model with its generated header "model.h", which
// says in ARCHITECTURE where the layers themselves are.
#include "model.h"

#include ARCHITECTURE

#include <algorithm>

extern "C" {

// Of this interface; a caller refuses another.
int redoxmc_native_version() { return 3; }

// The model's redoxmc.json.
const char *redoxmc_native_metadata() { return redoxmc_metadata; }

// 0 on a CPU that lacks instructions this was compiled for, as on another node of a mixed cluster.
int redoxmc_native_usable()
{
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
#ifdef __AVX512F__
  if (!__builtin_cpu_supports("avx512f")) return 0;
#endif
#ifdef __AVX512VL__
  if (!__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) return 0;
#endif
#ifdef __AVX2__
  if (!__builtin_cpu_supports("avx2")) return 0;
#endif
#ifdef __FMA__
  if (!__builtin_cpu_supports("fma")) return 0;
#endif
#endif
  return 1;
}

// 1: ghosts' features come from their owners, and n_local is n_owned in a graph. 0: ghosts are
// evaluated here, as far as the model sees.
int redoxmc_native_exchanges() { return EXCHANGES; }
int redoxmc_native_layers() { return N_LAYERS; }
int redoxmc_native_scalar_bytes() { return sizeof(S); }

// Scalars per node that a layer receives from its neighbours; 0 for layer 0, which knows them.
int redoxmc_native_width(int layer)
{
  int result = 0;
  FOR_LAYER(layer, result = L::FIRST ? 0 : width<L>())
  return result;
}

void *redoxmc_native_new(int threads)
{
  auto *k = new Kernel;
#ifdef _OPENMP
  k->threads = std::max(1, threads);
#else
  (void) threads;
#endif
  for (int part = 0; part < k->threads; part++) k->scratch.push_back(std::make_unique<Scratch>());
  return k;
}

void redoxmc_native_delete(void *handle) { delete static_cast<Kernel *>(handle); }

// The graph: edges of atom i < n_local are first[i] to first[i+1]-1, vectors = r_receiver - r_sender
// in Å; energies are those of the first n_owned atoms. The arrays stay the caller's and are read by the
// calls that follow.
void redoxmc_native_graph(void *handle, int n_owned, int n_local, int n_nodes,
                          const std::int64_t *species, const std::int64_t *first,
                          const std::int64_t *sender, const double *vectors)
{
  Kernel &k = *static_cast<Kernel *>(handle);
  k.n_owned = n_owned;
  k.n_local = n_local;
  k.n_nodes = n_nodes;
  k.species = species;
  k.first = first;
  k.sender = sender;
  k.vectors = vectors;
  for (int layer = 1; layer < N_LAYERS; layer++)
    k.features[layer].reserve(static_cast<std::size_t>(n_nodes) * redoxmc_native_width(layer));
  k.carry.reserve(static_cast<std::size_t>(n_local) * CARRY + 1);
  prepare(k);
}

// Evaluates a layer on all local atoms, or on those listed; needs its features on their neighbours.
// energy[i]: what the layer gives to atom i, in eV.
void redoxmc_native_forward(void *handle, int layer, const int *atoms, int n_atoms, double *energy)
{
  Kernel &k = *static_cast<Kernel *>(handle);
  FOR_LAYER(layer, forward<L>(k, atoms, n_atoms, energy))
}

// Adjoint of a layer; of the last one with its evaluation, since both need the same numbers. The last
// layer sets `gradient` (by edge vector, 3 per edge), the others add. Leaves the gradients of the
// layer's features; those of ghosts belong to their owners.
void redoxmc_native_backward(void *handle, int layer, double *energy, double *gradient)
{
  Kernel &k = *static_cast<Kernel *>(handle);
  FOR_LAYER(layer, backward<L>(k, energy, gradient))
}

// [n_nodes][width] of a layer: what it receives, to be filled in for ghosts, and its gradients.
void *redoxmc_native_features(void *handle, int layer)
{
  return static_cast<Kernel *>(handle)->features[layer].data();
}
void *redoxmc_native_gradients(void *handle, int layer)
{
  return static_cast<Kernel *>(handle)->gradients[layer].data();
}

// [n_local][carry width] what layers leave to later ones, as features do for neighbours.
int redoxmc_native_carry_width() { return CARRY; }
void *redoxmc_native_carry(void *handle) { return static_cast<Kernel *>(handle)->carry.data(); }

// What the model gives for atoms beside energies, as "moment charge"; filled by the last layer, one
// number for each owned atom.
const char *redoxmc_native_outputs() { return OUTPUTS; }
const double *redoxmc_native_output(void *handle, int index)
{
  return output(*static_cast<Kernel *>(handle), index);
}
}
