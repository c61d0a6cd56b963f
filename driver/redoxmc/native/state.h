// What a kernel keeps between calls, and its memory.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

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

}    // namespace
