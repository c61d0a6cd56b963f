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

void PairRedoxmc::spread_needs()
{
  sent_ = {};
  comm->reverse_comm(this, 1);
}

// data: of each node.
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
  const std::vector<char> &wanted = ghosts_.wanted(atoms);
  double *to = buffer;
  for (int k = 0; k < n; k++)
    if (wanted[k]) {
      memcpy(to, at(atoms[k]), sent_.bytes);
      to += step;
    }
  return static_cast<int>(to - buffer);
}

void PairRedoxmc::unpack_forward_comm(int n, int first, double *buffer)
{
  const int step = doubles(sent_.bytes);
  for (int k = 0; k < n; k++)
    if (ghosts_.needed(first + k)) {
      memcpy(at(first + k), buffer, sent_.bytes);
      buffer += step;
    }
}

int PairRedoxmc::pack_reverse_comm(int n, int first, double *buffer)
{
  if (!sent_.data) return ghosts_.ask(n, first, buffer);
  const int step = doubles(sent_.bytes);
  double *to = buffer;
  for (int k = 0; k < n; k++)
    if (ghosts_.needed(first + k)) {
      memcpy(to, at(first + k), sent_.bytes);
      to += step;
    }
  return static_cast<int>(to - buffer);
}

void PairRedoxmc::unpack_reverse_comm(int n, int *atoms, double *buffer)
{
  if (!sent_.data) return ghosts_.told(n, atoms, buffer);
  const int step = doubles(sent_.bytes);
  const std::vector<char> &wanted = ghosts_.wanted(atoms);
  for (int k = 0; k < n; k++) {
    if (!wanted[k]) continue;
    if (sent_.is_double)
      add_numbers<double>(at(atoms[k]), buffer, sent_.bytes);
    else
      add_numbers<float>(at(atoms[k]), buffer, sent_.bytes);
    buffer += step;
  }
}

char *PairRedoxmc::at(int atom) const
{
  return sent_.data + static_cast<std::size_t>(ghosts_.node(atom)) * sent_.bytes;
}

}    // namespace redoxmc
