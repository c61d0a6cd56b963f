#include "metadata.h"

#include "json.h"    // nlohmann's, shipped with LAMMPS

#include <stdexcept>

namespace redoxmc {
namespace {
  constexpr int FORMAT = 1;    // newest format this plugin reads
}

const ModelSpecies *Metadata::find(const std::string &name) const
{
  for (const auto &one : species)
    if (one.name == name) return &one;
  return nullptr;
}

std::string Metadata::names() const
{
  std::string all;
  for (const auto &one : species) all += (all.empty() ? "" : " ") + one.name;
  return all;
}

Metadata parse_metadata(const std::string &text)
{
  if (text.empty())
    throw std::runtime_error(
        "it carries no redoxmc.json, so it was not written by 'redoxmc export'");
  Metadata data;
  try {
    const auto json = LAMMPS_NS::json::parse(text);
    const int format = json.at("format").get<int>();
    if (format > FORMAT)
      throw std::runtime_error("it has format " + std::to_string(format) +
                               " and this plugin reads up to " + std::to_string(FORMAT) +
                               ": update redoxmc");
    data.architecture = json.at("architecture").get<std::string>();
    data.dtype = json.at("dtype").get<std::string>();
    data.r_cut = json.at("r_cut").get<double>();
    data.n_layers = json.at("n_layers").get<int>();
    for (const auto &one : json.at("species"))
      data.species.push_back({one.at("name").get<std::string>(), one.at("row").get<int>(),
                              one.at("mass").get<double>(),
                              one.at("reference_energy_eV").get<double>()});
    const auto &units = json.at("units");
    if (units.at("energy") != "eV" || units.at("length") != "angstrom")
      throw std::runtime_error("its units are not eV and angstrom");
  } catch (const LAMMPS_NS::json::exception &error) {
    throw std::runtime_error(std::string("its redoxmc.json is malformed: ") + error.what());
  }
  if (data.dtype != "float64" && data.dtype != "float32")
    throw std::runtime_error("its dtype '" + data.dtype + "' is neither float64 nor float32");
  if (!(data.r_cut > 0.0) || data.n_layers < 1 || data.species.empty())
    throw std::runtime_error("its redoxmc.json has no positive r_cut and n_layers, or no species");
  return data;
}

}    // namespace redoxmc
