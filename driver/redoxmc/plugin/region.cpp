#include "region.h"

#include <cmath>
#include <stdexcept>

namespace redoxmc {
namespace {

  constexpr double SLACK = 0.5;    // Å that an atom may move before edges are sought again

  double farthest(const std::vector<double> &a, const std::vector<double> &b)
  {
    double most = 0.0;
    for (std::size_t i = 0; i < a.size(); i += 3) {
      const double x = a[i] - b[i], y = a[i + 1] - b[i + 1], z = a[i + 2] - b[i + 2];
      const double square = x * x + y * y + z * z;
      if (!std::isfinite(square)) throw std::runtime_error("a position is not a finite number");
      most = std::max(most, square);
    }
    return std::sqrt(most);
  }

}    // namespace

Region::Region(Backend &backend, const Metadata &model, bool whole) :
    backend_(backend), r_cut_(model.r_cut), n_layers_(model.n_layers), whole_(whole)
{
  for (const auto &one : model.species) {
    if (one.row >= static_cast<int>(reference_.size())) reference_.resize(one.row + 1, 0.0);
    reference_[one.row] = one.reference_energy;
  }
  if (!whole)
    for (auto &layers : layers_) layers = backend.layers();
}

void Region::begin(Crystal &crystal, const std::vector<int> &mobile, const std::vector<int> &before,
                   const std::vector<int> &after)
{
  crystal_ = &crystal;
  mobile_ = mobile;
  rows_[0] = before;
  rows_[1] = after;
  start_.resize(3 * mobile.size());
  for (std::size_t m = 0; m < mobile.size(); m++)
    std::copy_n(&crystal.x[3 * mobile[m]], 3, &start_[3 * m]);
  last_ = start_;
  look_around(start_, SLACK);
  for (int which = 0; which < 2; which++) {
    offset_[which] = 0.0;
    for (const int row : rows_[which]) offset_[which] += reference_[row];
  }
}

void Region::restore()
{
  for (std::size_t m = 0; m < mobile_.size(); m++) crystal_->place(mobile_[m], &start_[3 * m]);
}

// Nodes and candidate edges for mobile atoms no farther than `slack` from x.
void Region::look_around(const std::vector<double> &x, double slack)
{
  Crystal &crystal = *crystal_;
  const int n_mobile = static_cast<int>(mobile_.size());
  for (int m = 0; m < n_mobile; m++) crystal.place(mobile_[m], &x[3 * m]);
  centre_ = x;
  for (const int atom : graph_.atom) node_of_[atom] = -1;    // of the last region
  if (static_cast<int>(node_of_.size()) != crystal.size()) node_of_.assign(crystal.size(), -1);
  graph_ = Graph();
  varying_.clear();
  first_.assign(1, 0);
  const auto add = [this](int atom) {
    if (node_of_[atom] >= 0) return;
    node_of_[atom] = static_cast<int>(graph_.atom.size());
    graph_.atom.push_back(atom);
  };
  for (const int atom : mobile_) add(atom);
  ends_.assign(1, n_mobile);
  if (whole_) {
    for (int atom = 0; atom < crystal.size(); atom++) add(atom);
    ends_.assign(2, crystal.size());
    for (int node = 0; node < crystal.size(); node++) find_edges(node, slack);
  } else {
    int begin = 0;
    for (int shell = 1; shell <= 2 * n_layers_; shell++) {
      const int end = ends_.back();
      for (int node = begin; node < end; node++) find_edges(node, slack);
      begin = end;
      ends_.push_back(static_cast<int>(graph_.atom.size()));
    }
  }
  for (int which = 0; which < 2; which++) {
    species_[which].resize(graph_.atom.size());
    for (std::size_t node = 0; node < graph_.atom.size(); node++)
      species_[which][node] =
          node < mobile_.size() ? rows_[which][node] : crystal.row[graph_.atom[node]];
  }
  measure(x);
  if (layers_[0]) prepare_layers();
}

// The edges that a node receives. Two atoms that stand still keep their distance: only those with a
// mobile end need room to move.
void Region::find_edges(int node, double slack)
{
  const Crystal &crystal = *crystal_;
  const int n_mobile = static_cast<int>(mobile_.size()), i = graph_.atom[node];
  const double *xi = &crystal.x[3 * i];
  const bool moves = node < n_mobile;
  crystal.bins.near(crystal.x, xi, r_cut_ + (moves ? 2 * slack : slack), [&](int j, const double *xj) {
    const double d[3] = {xi[0] - xj[0], xi[1] - xj[1], xi[2] - xj[2]};
    const double square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
    const bool other = node_of_[j] >= 0 && node_of_[j] < n_mobile;
    const double reach = r_cut_ + slack * (moves + other);
    if (square >= reach * reach || (i == j && square < 1e-12)) return;
    if (node_of_[j] < 0) {
      node_of_[j] = static_cast<int>(graph_.atom.size());
      graph_.atom.push_back(j);
    }
    const int sender = node_of_[j];
    if (moves || other) {
      Varying edge = {static_cast<int>(graph_.sender.size()), moves ? node : -1,
                      other ? sender : -1, {d[0], d[1], d[2]}};
      for (int k = 0; k < 3; k++) {
        if (moves) edge.rest[k] -= centre_[3 * node + k];
        if (other) edge.rest[k] += centre_[3 * sender + k];
      }
      varying_.push_back(edge);
    }
    graph_.sender.push_back(sender);
    graph_.receiver.push_back(node);
    graph_.vectors.insert(graph_.vectors.end(), d, d + 3);
  });
  first_.push_back(graph_.edges());
}

// Vectors of the edges that vary.
void Region::measure(const std::vector<double> &x)
{
  for (const Varying &edge : varying_)
    for (int k = 0; k < 3; k++) {
      double value = edge.rest[k];
      if (edge.receiver >= 0) value += x[3 * edge.receiver + k];
      if (edge.sender >= 0) value -= x[3 * edge.sender + k];
      graph_.vectors[3 * edge.edge + k] = value;
    }
}

// What layers give to atoms whose share never changes.
void Region::prepare_layers()
{
  const int all = ends_.back();
  layer_energy_.resize(all);
  for (int which = 0; which < 2; which++) {
    Layers &model = *layers_[which];
    for (int layer = 0; layer < n_layers_ - 1; layer++) {
      model.graph(graph_, first_.data(), species_[which].data(), ends_[2 * n_layers_ - 1 - layer],
                  all);
      model.forward(layer, layer_energy_.data());
    }
  }
}

void Region::evaluate(const std::vector<double> &x)
{
  const double step = farthest(x, last_);
  if (farthest(x, centre_) > SLACK) {
    // the same zero of energy: both regions are asked about the last positions
    evaluate(last_);
    const double before[2] = {energy(0), energy(1)};
    look_around(x, std::max(SLACK, 1.01 * step));
    const std::vector<double> last = last_;
    for (int which = 0; which < 2; which++) offset_[which] = 0.0;
    measure(last);
    for (int which = 0; which < 2; which++) {
      layers_[which] ? evaluate_layers(which) : evaluate_graph(which);
      offset_[which] = before[which] - energy_[which];
    }
  }
  measure(x);
  for (int which = 0; which < 2; which++) {
    forces_[which].assign(x.size(), 0.0);
    layers_[which] ? evaluate_layers(which) : evaluate_graph(which);
    double sum = energy_[which];
    for (const double f : forces_[which]) sum += f;
    if (!std::isfinite(sum)) throw std::runtime_error("an energy or a force is not a finite number");
  }
  last_ = x;
}

void Region::evaluate_layers(int which)
{
  Layers &model = *layers_[which];
  const int last = n_layers_ - 1, nodes = ends_[n_layers_ + 1 < 2 * n_layers_ ? n_layers_ + 1
                                                                              : 2 * n_layers_];
  const auto on = [&](int layer) {
    const int receivers = ends_[layer + 1];
    model.graph(graph_, first_.data(), species_[which].data(), receivers, nodes);
    return receivers;
  };
  gradient_.resize(3 * graph_.edges());
  energy_[which] = 0.0;
  for (int layer = 0; layer < last; layer++) {
    const int receivers = on(layer);
    model.forward(layer, layer_energy_.data());
    for (int i = 0; i < receivers; i++) energy_[which] += layer_energy_[i];
  }
  for (int layer = last; layer >= 0; layer--) {
    const int receivers = on(layer);
    model.backward(layer, layer_energy_.data(), gradient_.data());
    if (layer == last)
      for (int i = 0; i < receivers; i++) energy_[which] += layer_energy_[i];
  }
  if (forces_[which].size() != 3 * mobile_.size()) forces_[which].assign(3 * mobile_.size(), 0.0);
  for (const Varying &edge : varying_) {
    if (edge.edge >= first_[ends_[n_layers_]]) continue;
    for (int k = 0; k < 3; k++) {
      const double slope = gradient_[3 * edge.edge + k];
      if (edge.receiver >= 0) forces_[which][3 * edge.receiver + k] -= slope;
      if (edge.sender >= 0) forces_[which][3 * edge.sender + k] += slope;
    }
  }
}

// A model that may be asked about edges within its cutoff only.
void Region::evaluate_graph(int which)
{
  const std::int64_t edges = graph_.edges();
  kept_.assign(edges, -1);
  cut_.atom = graph_.atom;
  cut_.species = species_[which];
  cut_.sender.clear();
  cut_.receiver.clear();
  cut_.vectors.clear();
  const int receivers = static_cast<int>(first_.size()) - 1;
  // a backend that leaves ghosts to others must evaluate all that receive
  cut_.n_local = whole_ || backend_.exchanges() ? receivers : ends_[n_layers_];
  for (std::int64_t edge = 0; edge < edges; edge++) {
    const double *d = &graph_.vectors[3 * edge];
    if (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] >= r_cut_ * r_cut_) continue;
    kept_[edge] = cut_.edges();
    cut_.sender.push_back(graph_.sender[edge]);
    cut_.receiver.push_back(graph_.receiver[edge]);
    cut_.vectors.insert(cut_.vectors.end(), d, d + 3);
  }
  backend_.evaluate(cut_, result_, nullptr);
  energy_[which] = 0.0;
  for (const double value : result_.energy) energy_[which] += value;
  if (forces_[which].size() != 3 * mobile_.size()) forces_[which].assign(3 * mobile_.size(), 0.0);
  for (const Varying &edge : varying_) {
    if (kept_[edge.edge] < 0) continue;
    for (int k = 0; k < 3; k++) {
      const double slope = result_.edge_gradient[3 * kept_[edge.edge] + k];
      if (edge.receiver >= 0) forces_[which][3 * edge.receiver + k] -= slope;
      if (edge.sender >= 0) forces_[which][3 * edge.sender + k] += slope;
    }
  }
}

}    // namespace redoxmc
