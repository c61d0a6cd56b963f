// The metadata (redoxmc.json) that travels inside a model file.
#pragma once

#include <string>
#include <vector>

namespace redoxmc {

struct ModelSpecies {
  std::string name;
  int row;                    // in the model's species table
  double mass;                // g/mol
  double reference_energy;    // eV
};

struct Metadata {
  std::string architecture;
  std::string dtype;    // "float64" or "float32"
  std::vector<ModelSpecies> species;
  double r_cut;    // Å, range of one edge
  int n_layers;    // how many edges information travels

  // nullptr where the model has no such species
  const ModelSpecies *find(const std::string &name) const;
  // all species, for messages: "Na+ Fe2+ Fe3+"
  std::string names() const;
};

// Throws std::runtime_error with one sentence where something is missing or of a newer format.
Metadata parse_metadata(const std::string &text);

}    // namespace redoxmc
