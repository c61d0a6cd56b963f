// Which ghosts have features on a rank, and which of its atoms it sends to others.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

namespace redoxmc {

// Most ghosts of LAMMPS are in nobody's neighbourhood, or images of one that is: they lie within the
// cutoff and the skin of the rank's box, on all sides of it. Only those are sent that a rank asked for,
// for itself or for a rank that it passes them on to.
class Ghosts {
 public:
  // spread: LAMMPS' reverse communication of one number for each atom, through ask and told.
  explicit Ghosts(std::function<void()> spread) : spread_(std::move(spread)) {}

  // Takes the atoms that edges come from, and asks their owners. Collective.
  void need(const std::vector<std::int64_t> &atoms, int n_local, int n_all);
  bool needed(int atom) const { return needed_[atom]; }
  void number(const std::vector<int> &atom_of_node);
  int node(int atom) const { return node_[atom]; }

  // What LAMMPS' pack and unpack of a reverse communication do with the question. list: that of the
  // atoms to send, by which LAMMPS names a neighbouring rank.
  int ask(int n, int first, double *buffer) const;
  void told(int n, const int *list, const double *buffer);
  // Whether the rank that gets these atoms needs each.
  const std::vector<char> &wanted(const int *list) const { return wanted_.at(list); }

 private:
  std::function<void()> spread_;
  std::vector<char> needed_;    // of an atom
  std::vector<int> node_;       // of an atom, where it is one
  std::unordered_map<const int *, std::vector<char>> wanted_;
};

}    // namespace redoxmc
