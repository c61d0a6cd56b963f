// Energies and gradients of one MACE model, layer by layer, so that the features of ghost atoms can
// be exchanged between layers. Compiled once for each model with its generated header "model.h".
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "model.h"

#ifdef _OPENMP
#include <omp.h>
#endif

extern "C" const unsigned char redoxmc_weights[];
extern "C" const char redoxmc_metadata[];

namespace {

const S *const W = reinterpret_cast<const S *>(redoxmc_weights);

// Memory on cache lines that only ever grows.
template <typename T> class Array {
 public:
  T *reserve(std::size_t n)
  {
    if (n > size_) {
      std::free(data_);
      size_ = n + n / 8;
      data_ = static_cast<T *>(std::aligned_alloc(64, (size_ * sizeof(T) + 63) / 64 * 64));
      if (!data_) throw std::bad_alloc();
    }
    return data_;
  }
  T *data() const { return data_; }
  Array() = default;
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;
  ~Array() { std::free(data_); }

 private:
  T *data_ = nullptr;
  std::size_t size_ = 0;
};

// The edges of one atom, each quantity contiguous over edges.
struct Edges {
  int n = 0, stride = 0;
  Array<S> store;
  Array<double> lengths;
  Array<int> nodes;
  S *x, *y, *z, *inverse, *t, *Y, *G, *T;
  double *r;
  int *row, *sender;

  void reserve(int count, int n_terms)
  {
    n = count;
    stride = (count + LANES - 1) / LANES * LANES;
    S *p = store.reserve(static_cast<std::size_t>(stride) * (5 + N_HARMONICS + N_SLOPES + n_terms));
    for (S **array : {&x, &y, &z, &inverse, &t}) {
      *array = p;
      p += stride;
    }
    Y = p;
    G = Y + N_HARMONICS * stride;
    T = G + N_SLOPES * stride;
    r = lengths.reserve(stride);
    row = nodes.reserve(2 * stride);
    sender = row + stride;
  }
};

struct Scratch {
  Edges edges;
  Array<S> phi, small;
  // gradients of features by the nodes that this thread's atoms touch, and where a node's are
  Array<S> gradients;
  std::vector<int> slot;
  int n_slots = 0;
};

struct Kernel {
  int threads = 1;
  int n_local = 0, n_nodes = 0;
  const std::int64_t *species = nullptr, *first = nullptr, *sender = nullptr;
  const double *vectors = nullptr;
  Array<S> features[N_LAYERS + 1], gradients[N_LAYERS + 1], mixed[N_LAYERS];
  Array<S> carry, hidden_gradient;
  std::vector<std::unique_ptr<Scratch>> scratch;
};

template <class L> constexpr int width() { return L::FEATURES * CHANNELS; }

constexpr int MIXED = N_HARMONICS * CHANNELS;

// Directions, table rows and harmonics of the edges of atom i.
template <class L> void find_edges(const Kernel &k, int i, Edges &e, bool with_slopes)
{
  const std::int64_t begin = k.first[i];
  e.reserve(static_cast<int>(k.first[i + 1] - begin), L::TERMS);
  const double *v = k.vectors + 3 * begin;
  for (int a = 0; a < e.n; a++) {
    const double dx = v[3 * a], dy = v[3 * a + 1], dz = v[3 * a + 2];
    const double r = std::sqrt(dx * dx + dy * dy + dz * dz), inverse = 1.0 / r;
    e.x[a] = static_cast<S>(dx * inverse);
    e.y[a] = static_cast<S>(dy * inverse);
    e.z[a] = static_cast<S>(dz * inverse);
    e.inverse[a] = static_cast<S>(inverse);
    e.r[a] = r;
  }
  constexpr double per_angstrom = 1.0 / L::STEP;
  const int *pair = PAIR[k.species[i]];
  for (int a = 0; a < e.n; a++) {
    const double u = e.r[a] * per_angstrom;
    // the last row is zero; a distance that is not a number goes there, too, and stays visible in t
    const int row = u < L::INTERVALS ? static_cast<int>(u) : L::INTERVALS;
    const int node = static_cast<int>(k.sender[begin + a]);
    e.t[a] = static_cast<S>(u - row);
    e.row[a] = pair[k.species[node]] * (L::INTERVALS + 1) + row;
    e.sender[a] = node;
  }
  for (int a = e.n; a < e.stride; a++) e.x[a] = e.y[a] = e.z[a] = 0;
  // slopes go into the space behind the harmonics also where nobody reads them: cheaper than asking
  (void) with_slopes;
  for (int a = 0; a < e.stride; a += LANES) {
    harmonics(ld(e.x + a), ld(e.y + a), ld(e.z + a), e.Y + a, e.G + a, e.stride);
    L::terms(e.Y + a, e.T + a, e.stride);
  }
}

template <class L> typename L::Radial radial(const Edges &e, int a, int block)
{
  constexpr std::size_t SIZE = COEFFICIENTS * L::PATHS * LANES;
  return {W + L::TABLE + (static_cast<std::size_t>(e.row[a]) * (CHANNELS / LANES) + block) * SIZE,
          e.t[a]};
}

template <class L> const S *features_of(const Kernel &k, int node)
{
  if constexpr (L::FIRST)
    return W + FIRST_FEATURES + k.species[node] * CHANNELS;
  else
    return k.features[L::INDEX].data() + static_cast<std::size_t>(node) * width<L>();
}

template <class L> void prefetch_row(const Edges &e, int a, int block)
{
  constexpr std::size_t SIZE = COEFFICIENTS * L::PATHS * LANES;
  const S *row =
      W + L::TABLE + (static_cast<std::size_t>(e.row[a]) * (CHANNELS / LANES) + block) * SIZE;
  for (std::size_t line = 0; line < SIZE * sizeof(S); line += 64)
    __builtin_prefetch(reinterpret_cast<const char *>(row) + line);
}

// Sum of the messages to an atom.
template <class L> void aggregate(const Kernel &k, const Edges &e, S *phi)
{
#pragma GCC unroll 1
  for (int b = 0; b < CHANNELS / LANES; b++) {
    V total[L::PHI];
    for (int q = 0; q < L::PHI; q++) total[q] = V{};
    for (int a = 0; a < e.n; a++) {
      if (a + 2 < e.n) prefetch_row<L>(e, a + 2, b);
      const S *features = features_of<L>(k, e.sender[a]) + b * LANES;
      V h[L::FEATURES];
      for (int m = 0; m < L::FEATURES; m++) h[m] = ld(features + m * CHANNELS);
      L::convolve(radial<L>(e, a, b), h, e.Y + a, e.T + a, e.stride, total);
    }
    for (int q = 0; q < L::PHI; q++) st(phi + q * CHANNELS + b * LANES, total[q]);
  }
}

template <class L> const S *coefficients(int z, int block)
{
  constexpr std::size_t SIZE = L::MONOMIALS * LANES;
  return W + L::CONTRACTION + (static_cast<std::size_t>(z) * (CHANNELS / LANES) + block) * SIZE;
}

template <class L> void multiply(int z, const S *a, S *products)
{
#pragma GCC unroll 1
  for (int b = 0; b < CHANNELS / LANES; b++) {
    V x[N_HARMONICS], out[L::PRODUCTS];
    for (int m = 0; m < N_HARMONICS; m++) x[m] = ld(a + m * CHANNELS + b * LANES);
    L::contract(coefficients<L>(z, b), x, out);
    for (int m = 0; m < L::PRODUCTS; m++) st(products + m * CHANNELS + b * LANES, out[m]);
  }
}

template <class L> void multiply_adjoint(int z, const S *a, const S *d_products, S *da)
{
#pragma GCC unroll 1
  for (int b = 0; b < CHANNELS / LANES; b++) {
    V x[N_HARMONICS], dx[N_HARMONICS], d[L::PRODUCTS];
    for (int m = 0; m < N_HARMONICS; m++) {
      x[m] = ld(a + m * CHANNELS + b * LANES);
      dx[m] = V{};
    }
    for (int m = 0; m < L::PRODUCTS; m++) d[m] = ld(d_products + m * CHANNELS + b * LANES);
    L::contract_adjoint(coefficients<L>(z, b), x, d, dx);
    for (int m = 0; m < N_HARMONICS; m++) st(da + m * CHANNELS + b * LANES, dx[m]);
  }
}

// Energy of activated hidden units; puts its gradient into `gradient`.
double read_out(const S *hidden, S *gradient)
{
  double energy = 0.0;
  for (int u = 0; u < HIDDEN; u++) {
    const double x = hidden[u], out = W[HIDDEN_OUT + u] * ACTIVATION_SCALE;
    double f = x, slope = 1.0;
    if (ACTIVATION == 1) {
      const double s = 1.0 / (1.0 + std::exp(-x));
      f = x * s;
      slope = s * (1.0 + x * (1.0 - s));
    } else if (ACTIVATION == 2) {
      f = std::tanh(x);
      slope = 1.0 - f * f;
    }
    energy += out * f;
    gradient[u] = static_cast<S>(out * slope);
  }
  return energy;
}

// Gradients of messages back to the edges and to the features of the neighbours.
template <class L>
void scatter(const Kernel &k, const Edges &e, const S *dphi, Scratch &s, double *gradient)
{
  const int *slot = k.threads > 1 ? s.slot.data() : nullptr;
  S *const sums = k.threads > 1 ? s.gradients.data() : k.gradients[L::INDEX].data();
  for (int a = 0; a < e.n; a++) {
    const int node = e.sender[a];
    V dY[N_HARMONICS], gr{};
    for (int m = 0; m < N_HARMONICS; m++) dY[m] = V{};
    const S *features = features_of<L>(k, node);
    S *d_features =
        L::FIRST ? nullptr : sums + static_cast<std::size_t>(slot ? slot[node] : node) * width<L>();
#pragma GCC unroll 1
    for (int b = 0; b < CHANNELS / LANES; b++) {
      if (a + 1 < e.n) prefetch_row<L>(e, a + 1, b);
      V h[L::FEATURES], dh[L::FEATURES];
      for (int m = 0; m < L::FEATURES; m++) {
        h[m] = ld(features + m * CHANNELS + b * LANES);
        if constexpr (!L::FIRST) dh[m] = ld(d_features + m * CHANNELS + b * LANES);
      }
      L::convolve_adjoint(radial<L>(e, a, b), h, e.Y + a, e.T + a, e.stride, dphi + b * LANES, gr,
                          dh, dY);
      if constexpr (!L::FIRST)
        for (int m = 0; m < L::FEATURES; m++) st(d_features + m * CHANNELS + b * LANES, dh[m]);
    }
    V g[3] = {V{}, V{}, V{}};
    direction_gradient(e.G + a, e.stride, dY, g);
    const double gx = sum(g[0]), gy = sum(g[1]), gz = sum(g[2]);
    const double along = sum(gr) * (1.0 / L::STEP);
    // what remains of the derivative by direction is across the edge, and falls off as 1/r
    const double x = e.x[a], y = e.y[a], z = e.z[a], inverse = e.inverse[a];
    const double part = along - (gx * x + gy * y + gz * z) * inverse;
    double *to = gradient + 3 * a;
    const double ex = gx * inverse + part * x, ey = gy * inverse + part * y,
                 ez = gz * inverse + part * z;
    if (L::LAST) {
      to[0] = ex;
      to[1] = ey;
      to[2] = ez;
    } else {
      to[0] += ex;
      to[1] += ey;
      to[2] += ez;
    }
  }
}

struct Pointers {
  S *features[N_LAYERS + 1], *gradients[N_LAYERS + 1];
  Node node;

  Pointers(const Kernel &k, std::size_t i, S *hidden)
  {
    int layer = 0;
    const auto set = [&](int step) {
      features[layer] = layer ? k.features[layer].data() + i * step : nullptr;
      gradients[layer] =
          layer && k.gradients[layer].data() ? k.gradients[layer].data() + i * step : nullptr;
    };
    for (layer = 0; layer < N_LAYERS; layer++) FOR_LAYER(layer, set(width<L>()))
    node = {CARRY ? k.carry.data() + i * CARRY : nullptr, hidden,
            HIDDEN ? k.hidden_gradient.data() + i * HIDDEN : nullptr, features, gradients};
  }
};

// Buffers of one atom.
struct Local {
  S *phi, *a, *da, *products, *d_products, *hidden;

  explicit Local(Scratch &s, int n_phi)
  {
    phi = s.phi.reserve(static_cast<std::size_t>(n_phi) * CHANNELS);
    S *p = s.small.reserve(4 * MIXED + HIDDEN + 2 * LANES);
    a = p;
    da = a + MIXED;
    products = da + MIXED;
    d_products = products + MIXED;
    hidden = d_products + MIXED;
  }
};

template <class L>
void forward_atom(const Kernel &k, int i, Scratch &s, const Local &local, double *energy)
{
  const int z = static_cast<int>(k.species[i]);
  find_edges<L>(k, i, s.edges, L::LAST);
  aggregate<L>(k, s.edges, local.phi);
  S *a = L::LAST ? local.a : k.mixed[L::INDEX].data() + static_cast<std::size_t>(i) * MIXED;
  L::mix(W, z, local.phi, a);
  multiply<L>(z, a, local.products);
  const Pointers p(k, i, local.hidden);
  double e = L::LAST ? ENERGY_CONSTANTS[z] : 0.0;
  L::node_forward(W, z, local.products, p.node, e);
  if (L::LAST && HIDDEN) e += read_out(local.hidden, p.node.hidden_gradient);
  energy[i] = e;
}

template <class L>
void backward_atom(const Kernel &k, int i, Scratch &s, const Local &local, double *gradient)
{
  const int z = static_cast<int>(k.species[i]);
  if (!L::LAST) find_edges<L>(k, i, s.edges, true);
  const S *a = L::LAST ? local.a : k.mixed[L::INDEX].data() + static_cast<std::size_t>(i) * MIXED;
  const Pointers p(k, i, local.hidden);
  L::node_adjoint(W, z, p.node, local.d_products);
  multiply_adjoint<L>(z, a, local.d_products, local.da);
  L::mix_adjoint(W, z, local.da, local.phi);
  scatter<L>(k, s.edges, local.phi, s, gradient + 3 * k.first[i]);
}

// Work on the atoms of each thread's share: contiguous, so that results depend on the number of
// threads alone.
template <typename Work> void share(Kernel &k, int n, Work work)
{
#ifdef _OPENMP
#pragma omp parallel num_threads(k.threads) if (k.threads > 1)
  {
    const int me = omp_get_thread_num(), all = omp_get_num_threads();
    for (int part = me; part < k.threads; part += all)
      work(part, static_cast<int>(static_cast<std::int64_t>(n) * part / k.threads),
           static_cast<int>(static_cast<std::int64_t>(n) * (part + 1) / k.threads));
  }
#else
  for (int part = 0; part < k.threads; part++)
    work(part, static_cast<int>(static_cast<std::int64_t>(n) * part / k.threads),
         static_cast<int>(static_cast<std::int64_t>(n) * (part + 1) / k.threads));
#endif
}

// Numbers the nodes that each thread's atoms touch.
void number_slots(Kernel &k)
{
  if (k.threads == 1) return;
  share(k, k.n_local, [&](int part, int begin, int end) {
    Scratch &s = *k.scratch[part];
    s.slot.assign(k.n_nodes, -1);
    s.n_slots = 0;
    for (std::int64_t edge = k.first[begin]; edge < k.first[end]; edge++) {
      int &slot = s.slot[k.sender[edge]];
      if (slot < 0) slot = s.n_slots++;
    }
  });
}

template <class L> void backward(Kernel &k, double *energy, double *gradient)
{
  constexpr std::size_t STEP = width<L>();
  S *const sums = L::FIRST ? nullptr : k.gradients[L::INDEX].reserve(k.n_nodes * STEP);
  if (!L::FIRST && k.threads == 1) std::memset(sums, 0, k.n_nodes * STEP * sizeof(S));
  share(k, k.n_local, [&](int part, int begin, int end) {
    Scratch &s = *k.scratch[part];
    const Local local(s, L::PHI);
    if (!L::FIRST && k.threads > 1)
      std::memset(s.gradients.reserve(s.n_slots * STEP + 1), 0, s.n_slots * STEP * sizeof(S));
    for (int i = begin; i < end; i++) {
      if constexpr (L::LAST) forward_atom<L>(k, i, s, local, energy);
      backward_atom<L>(k, i, s, local, gradient);
    }
  });
  if (L::FIRST || k.threads == 1) return;
  share(k, k.n_nodes, [&](int, int begin, int end) {
    for (int node = begin; node < end; node++) {
      S *to = sums + node * STEP;
      std::memset(to, 0, STEP * sizeof(S));
      for (const auto &s : k.scratch)
        if (s->slot[node] >= 0)
          add(to, s->gradients.data() + static_cast<std::size_t>(s->slot[node]) * STEP, STEP);
    }
  });
}

template <class L> void forward(Kernel &k, const int *atoms, int n_atoms, double *energy)
{
  share(k, atoms ? n_atoms : k.n_local, [&](int part, int begin, int end) {
    Scratch &s = *k.scratch[part];
    const Local local(s, L::PHI);
    for (int a = begin; a < end; a++)
      forward_atom<L>(k, atoms ? atoms[a] : a, s, local, energy);
  });
}

}    // namespace

extern "C" {

// Of this interface; a caller refuses another.
int redoxmc_native_version() { return 1; }

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

// The graph: edges of atom i are first[i] to first[i+1]-1, vectors = r_receiver - r_sender in Å. The
// arrays stay the caller's and are read by the calls that follow.
void redoxmc_native_graph(void *handle, int n_local, int n_nodes, const std::int64_t *species,
                          const std::int64_t *first, const std::int64_t *sender,
                          const double *vectors)
{
  Kernel &k = *static_cast<Kernel *>(handle);
  k.n_local = n_local;
  k.n_nodes = n_nodes;
  k.species = species;
  k.first = first;
  k.sender = sender;
  k.vectors = vectors;
  for (int layer = 0; layer < N_LAYERS; layer++) {
    if (layer > 0)
      k.features[layer].reserve(static_cast<std::size_t>(n_nodes) * redoxmc_native_width(layer));
    if (layer < N_LAYERS - 1) k.mixed[layer].reserve(static_cast<std::size_t>(n_local) * MIXED);
  }
  k.carry.reserve(static_cast<std::size_t>(n_local) * CARRY + 1);
  k.hidden_gradient.reserve(static_cast<std::size_t>(n_local) * HIDDEN + 1);
  number_slots(k);
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
}
