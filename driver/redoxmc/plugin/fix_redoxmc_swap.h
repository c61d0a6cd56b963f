// fix ID group redoxmc/swap N M seed T types A B [length L] [radius R] [reach D] [tolerance d]
//                           [windows auto|nx ny nz] [evaluate local|whole]
//
// Every N steps, M attempts to exchange the types of an atom of type A and one of type B (numbers or
// labels) at temperature T (K), each along a path of L steps on which the atoms within R of either
// site move (swap_moves.h says what is sampled, and why that is exact). Energies are those of
// pair_style redoxmc on the surroundings of the two: the cost of a move does not grow with the system.
//   f_ID[1] attempts, f_ID[2] accepted, f_ID[3] mean work (eV), f_ID[4] what accepted moves added to the
//   potential energy (eV), f_ID[5] refused (strayed, or no finite energy), f_ID[6] windows,
//   f_ID[7] CPU seconds that the moves of this run took, of the rank that they took most of
// f_ID is the accepted share. Restart files keep the counts and the sites; random numbers follow from
// seed and step.
#pragma once

#include "swap_moves.h"

#include "fix.h"

#include <memory>

namespace redoxmc {

class PairRedoxmc;

class FixRedoxmcSwap : public LAMMPS_NS::Fix {
 public:
  FixRedoxmcSwap(LAMMPS_NS::LAMMPS *, int, char **);
  ~FixRedoxmcSwap() override;

  int setmask() override;
  void init() override;
  void pre_reverse(int, int) override;
  void end_of_step() override;
  double compute_scalar() override;
  double compute_vector(int) override;
  double memory_usage() override;

  void grow_arrays(int) override;
  void copy_arrays(int, int, int) override;
  void set_arrays(int) override;
  int pack_exchange(int, double *) override;
  int unpack_exchange(int, double *) override;
  int pack_reverse_comm(int, int, double *) override;
  void unpack_reverse_comm(int, int *, double *) override;
  void write_restart(FILE *) override;
  void restart(char *) override;
  int pack_restart(int, double *) override;
  void unpack_restart(int, int) override;
  int size_restart(int) override { return 4; }
  int maxsize_restart() override { return 4; }

 private:
  SwapSettings settings_;
  bool auto_windows_ = true, whole_ = false, said_windows_ = false;
  double tolerance_ = -1.0, seconds_ = 0.0;
  std::string types_[2];
  SwapCounts counts_;
  PairRedoxmc *pair_ = nullptr;
  std::unique_ptr<Region> region_;
  double **sites_ = nullptr;     // of atoms: fractions of the cell
  double **others_ = nullptr;    // of atoms: forces that are not the pair style's, for a moment
  std::vector<double> pair_force_;

  void read_keywords(int, char **);
  double number(const char *word, const char *text, bool positive);
  void divide(const Cell &);
  Cell cell() const;
  std::vector<int> gather(SwapAtoms &) const;
  std::vector<double> share(const std::vector<double> &mine) const;
  void evaluate_again();
};

}    // namespace redoxmc
