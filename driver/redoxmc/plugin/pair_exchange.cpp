// What backends send between ranks, by the communication of LAMMPS' pair styles.

#include "pair_exchange.h"

#include "comm.h"

#include <cstring>

namespace redoxmc {
namespace {

  template <typename Number> void add_numbers(char *to, const double *from, int bytes)
  {
    auto *sum = reinterpret_cast<Number *>(to);
    const auto *part = reinterpret_cast<const Number *>(from);
    for (int k = 0; k < bytes / static_cast<int>(sizeof(Number)); k++) sum[k] += part[k];
  }

}    // namespace

int doubles(int bytes)
{
  return (bytes + static_cast<int>(sizeof(double)) - 1) / static_cast<int>(sizeof(double));
}

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

}    // namespace redoxmc
