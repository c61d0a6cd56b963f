// What kernels of all architectures keep between calls, their memory, and work on several threads.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
#endif

extern "C" const unsigned char redoxmc_weights[];
extern "C" const char redoxmc_metadata[];

namespace {

const S *const W = reinterpret_cast<const S *>(redoxmc_weights);

// Memory on cache lines, or on large pages where it is much: rows of features that are read here and
// there would each ask for a page.
inline void *allocate(std::size_t bytes)
{
  constexpr std::size_t PAGE = std::size_t(1) << 21, LINE = 64;
  const std::size_t unit = bytes >= PAGE ? PAGE : LINE, whole = (bytes + unit - 1) / unit * unit;
  void *const data = std::aligned_alloc(unit, whole);
  if (!data) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (unit == PAGE) madvise(data, whole, MADV_HUGEPAGE);    // a wish, no more
#endif
  return data;
}

// Memory that only ever grows.
template <typename T> class Array {
 public:
  T *reserve(std::size_t n)
  {
    if (n > size_) {
      std::free(data_);
      size_ = n + n / 8;
      data_ = static_cast<T *>(allocate(size_ * sizeof(T)));
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

// The graph that a kernel works on; see redoxmc_native_graph.
struct Domain {
  int threads = 1;
  int n_owned = 0, n_local = 0, n_nodes = 0;
  const std::int64_t *species = nullptr, *first = nullptr, *sender = nullptr;
  const double *vectors = nullptr;
};

// Gradients of features by the nodes that one thread's atoms touch, and where a node's are.
struct Touched {
  Array<S> gradients;
  std::vector<int> slot;
  int n_slots = 0;
};

// Where the share of a thread begins.
inline int part_begin(const Domain &k, int n, int part)
{
  return static_cast<int>(static_cast<std::int64_t>(n) * part / k.threads);
}

// Work on the atoms of each thread's share: contiguous, so that results depend on the number of
// threads alone.
template <typename Work> void share(const Domain &k, int n, Work work)
{
#ifdef _OPENMP
#pragma omp parallel num_threads(k.threads) if (k.threads > 1)
  {
    const int me = omp_get_thread_num(), all = omp_get_num_threads();
    for (int part = me; part < k.threads; part += all)
      work(part, part_begin(k, n, part), part_begin(k, n, part + 1));
  }
#else
  for (int part = 0; part < k.threads; part++)
    work(part, part_begin(k, n, part), part_begin(k, n, part + 1));
#endif
}

// Numbers the nodes that each thread's atoms touch, without its own atoms where OTHERS: those it
// writes to itself.
template <bool OTHERS, class Kernel> void number_slots(Kernel &k)
{
  if (k.threads == 1) return;
  share(k, k.n_local, [&](int part, int begin, int end) {
    Touched &s = *k.scratch[part];
    s.slot.assign(k.n_nodes, -1);
    s.n_slots = 0;
    for (std::int64_t edge = k.first[begin]; edge < k.first[end]; edge++) {
      const int node = static_cast<int>(k.sender[edge]);
      if (OTHERS && node >= begin && node < end) continue;
      int &slot = s.slot[node];
      if (slot < 0) slot = s.n_slots++;
    }
  });
}

// Adds what the threads have left for each node to `sums`, of nodes from `begun` on set to zero first.
template <class Kernel> void add_touched(Kernel &k, S *sums, std::size_t step, int begun)
{
  share(k, k.n_nodes, [&](int, int begin, int end) {
    for (int node = begin; node < end; node++) {
      S *to = sums + node * step;
      if (node >= begun) std::memset(to, 0, step * sizeof(S));
      for (const auto &s : k.scratch)
        if (s->slot[node] >= 0)
          add(to, s->gradients.data() + static_cast<std::size_t>(s->slot[node]) * step,
              static_cast<int>(step));
    }
  });
}

}    // namespace
