#include "ghosts.h"

namespace redoxmc {

void Ghosts::need(const std::vector<std::int64_t> &atoms, int n_local, int n_all)
{
  needed_.assign(n_all, 0);
  node_.resize(n_all);
  for (const std::int64_t atom : atoms)
    if (atom >= n_local) needed_[atom] = 1;
  wanted_.clear();
  spread_();
}

void Ghosts::number(const std::vector<int> &atom_of_node)
{
  for (std::size_t node = 0; node < atom_of_node.size(); node++)
    node_[atom_of_node[node]] = static_cast<int>(node);
}

int Ghosts::ask(int n, int first, double *buffer) const
{
  for (int k = 0; k < n; k++) buffer[k] = needed_[first + k];
  return n;
}

// LAMMPS goes through its ghosts from the last to the first, so that a rank knows what it must pass on
// before it asks itself.
void Ghosts::told(int n, const int *list, const double *buffer)
{
  std::vector<char> &wanted = wanted_[list];
  wanted.assign(n, 0);
  for (int k = 0; k < n; k++)
    if (buffer[k] != 0.0) wanted[k] = needed_[list[k]] = 1;
}

}    // namespace redoxmc
