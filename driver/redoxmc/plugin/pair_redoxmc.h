// pair_style redoxmc [backend auto|torchscript|native] [device auto|cpu|cuda]
// pair_coeff * * MODEL.pt Na+ Fe2+ ...        one species of the model for every LAMMPS type
//
// Moments and charges of atoms: compute redoxmc/atom.
#pragma once

#include "backend.h"
#include "graph.h"

#include "pair.h"

namespace redoxmc {

class PairRedoxmc : public LAMMPS_NS::Pair {
 public:
  explicit PairRedoxmc(LAMMPS_NS::LAMMPS *);
  ~PairRedoxmc() override;

  void settings(int, char **) override;
  void coeff(int, char **) override;
  void init_style() override;
  double init_one(int, int) override;
  void compute(int, int) override;
  // "moment" and "charge" of the own atoms as of the last evaluation, for fix pair; an error, on all
  // ranks, where the model does not give them
  void *extract_peratom(const char *, int &) override;
  // "moment_flag", "charge_flag" for fix pair, nullptr where the model does not give the quantity.
  // What they say is of no account: both are computed at every step
  void *extract(const char *, int &) override;
  // the same of the last evaluation, one for each of its own atoms; nullptr before there was one
  const std::vector<double> *per_atom(const std::string &name) const;
  double memory_usage() override;
  // for fixes that evaluate parts of the system by themselves
  Backend &backend() { return *backend_; }
  const Metadata &metadata() const { return metadata_; }
  int row(int type) const { return rows_[type]; }    // of a type: its species in the model's table
  int pack_forward_comm(int, int *, double *, int, int *) override;
  void unpack_forward_comm(int, int, double *) override;
  int pack_reverse_comm(int, int, double *) override;
  void unpack_reverse_comm(int, int *, double *) override;

 private:
  std::string wanted_backend_ = "auto", wanted_device_ = "auto";
  std::string file_;
  Metadata metadata_;
  std::string device_;    // that the backend runs on
  std::unique_ptr<Backend> backend_;
  std::vector<int> rows_;            // by type: row in the model
  std::vector<double> reference_;    // by type: reference energy, eV
  std::vector<double> masses_;       // by type: of the model's species, g/mol
  Graph graph_;
  MapGraph map_;
  HaloGraph halo_;
  ExchangeGraph exchanged_;
  Ghosts ghosts_{[this] { spread_needs(); }};
  Evaluation result_;
  std::set<std::string> per_atom_;    // what the model gives beside energies
  int per_atom_flag_ = 0;

  // the array of nodes that LAMMPS is communicating; without data what ranks need
  struct {
    char *data = nullptr;
    int bytes = 0;
    bool is_double = true;
  } sent_;

  void load(const std::string &);
  bool load_native_kernels();
  void spread_needs();
  void communicate(void *data, int bytes, bool is_double, bool to_owners);
  char *at(int atom) const;
  friend class PairExchange;
  void take(LoadedModel);
  void tell_all(std::string &, int speaker);
  std::string of_any_rank(std::string problem);
  std::string evaluate();
  void tally();
};

}    // namespace redoxmc
