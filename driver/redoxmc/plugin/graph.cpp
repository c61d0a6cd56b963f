#include "graph.h"

#include "atom.h"
#include "neigh_list.h"

#include <algorithm>
#include <unordered_map>

namespace redoxmc {
namespace {

  // Appends the edges that one atom receives; node_of says which node a neighbour is.
  template <typename NodeOf>
  void append_edges(Graph &graph, int receiver, int i, double **x, const LAMMPS_NS::NeighList *list,
                    double r_cut_squared, NodeOf node_of)
  {
    const int *neighbours = list->firstneigh[i];
    const int count = list->numneigh[i];
    const std::size_t begin = graph.sender.size();
    // room for all of them, cut back below: cheaper than growing edge by edge
    graph.sender.resize(begin + count);
    graph.vectors.resize(3 * (begin + count));
    std::size_t edge = begin;
    const double xi = x[i][0], yi = x[i][1], zi = x[i][2];
    // Every neighbour is written, and kept by advancing: a branch that half of them take would cost
    // more than the rest of the loop.
    for (int k = 0; k < count; k++) {
      const int j = neighbours[k] & NEIGHMASK;
      const double dx = xi - x[j][0], dy = yi - x[j][1], dz = zi - x[j][2];
      double *vector = &graph.vectors[3 * edge];
      vector[0] = dx;
      vector[1] = dy;
      vector[2] = dz;
      graph.sender[edge] = j;
      edge += dx * dx + dy * dy + dz * dz < r_cut_squared;
    }
    for (std::size_t k = begin; k < edge; k++)
      graph.sender[k] = node_of(static_cast<int>(graph.sender[k]));
    graph.sender.resize(edge);
    graph.vectors.resize(3 * edge);
    graph.receiver.resize(edge, receiver);
  }

  void clear(Graph &graph, int n_local)
  {
    graph.n_local = n_local;
    graph.atom.resize(n_local);
    for (int i = 0; i < n_local; i++) graph.atom[i] = i;
    graph.sender.clear();
    graph.receiver.clear();
    graph.vectors.clear();
  }

  void set_species(Graph &graph, const int *type, const std::vector<int> &rows)
  {
    graph.species.resize(graph.atom.size());
    for (std::size_t node = 0; node < graph.atom.size(); node++)
      graph.species[node] = rows[type[graph.atom[node]]];
  }

}    // namespace

void MapGraph::build(Graph &graph, LAMMPS_NS::Atom *atom, LAMMPS_NS::NeighList *list,
                     const std::vector<int> &rows, double r_cut)
{
  const int n_local = atom->nlocal, n_all = n_local + atom->nghost;
  const LAMMPS_NS::tagint *tag = atom->tag;
  LAMMPS_NS::tagint largest = 0;
  for (int i = 0; i < n_local; i++) largest = std::max(largest, tag[i]);
  of_tag_.resize(largest + 1);
  owner_.resize(n_all);
  for (int i = 0; i < n_local; i++) of_tag_[tag[i]] = owner_[i] = i;
  for (int i = n_local; i < n_all; i++) owner_[i] = of_tag_[tag[i]];

  clear(graph, n_local);
  for (int i = 0; i < n_local; i++)
    append_edges(graph, i, i, atom->x, list, r_cut * r_cut, [this](int j) { return owner_[j]; });
  set_species(graph, atom->type, rows);
}

// For as long as LAMMPS' arrays hold the same atoms in the same order, nothing is to do.
void ExchangeGraph::find_images(const LAMMPS_NS::tagint *tag, int n)
{
  if (static_cast<int>(tags_.size()) == n && std::equal(tags_.begin(), tags_.end(), tag)) return;
  tags_.assign(tag, tag + n);
  std::unordered_map<LAMMPS_NS::tagint, int> of_tag;
  of_tag.reserve(n);
  first_.resize(n);
  for (int i = 0; i < n; i++) first_[i] = of_tag.emplace(tag[i], i).first->second;
}

void ExchangeGraph::build(Graph &graph, LAMMPS_NS::Atom *atom, LAMMPS_NS::NeighList *list,
                          const std::vector<int> &rows, double r_cut, Ghosts &ghosts)
{
  const int n_local = atom->nlocal, n_all = n_local + atom->nghost;
  find_images(atom->tag, n_all);

  clear(graph, n_local);
  for (int i = 0; i < n_local; i++)
    append_edges(graph, i, i, atom->x, list, r_cut * r_cut, [this](int j) { return first_[j]; });
  ghosts.need(graph.sender, n_local, n_all);
  for (int i = n_local; i < n_all; i++)
    if (ghosts.needed(i)) graph.atom.push_back(i);
  ghosts.number(graph.atom);
  for (std::int64_t &sender : graph.sender) sender = ghosts.node(static_cast<int>(sender));
  set_species(graph, atom->type, rows);
}

void HaloGraph::build(Graph &graph, LAMMPS_NS::Atom *atom, LAMMPS_NS::NeighList *list,
                      const std::vector<int> &rows, double r_cut, int cutoffs)
{
  const int n_local = atom->nlocal;
  clear(graph, n_local);
  node_.assign(n_local + atom->nghost, -1);
  for (int i = 0; i < n_local; i++) node_[i] = i;

  const auto node_of = [this, &graph](int j) {
    if (node_[j] < 0) {
      node_[j] = static_cast<int>(graph.atom.size());
      graph.atom.push_back(j);
    }
    return node_[j];
  };
  std::size_t begin = 0;
  for (int shell = 0; shell < cutoffs; shell++) {
    const std::size_t end = graph.atom.size();
    for (std::size_t node = begin; node < end; node++)
      append_edges(graph, static_cast<int>(node), graph.atom[node], atom->x, list, r_cut * r_cut,
                   node_of);
    begin = end;
  }
  set_species(graph, atom->type, rows);
}

}    // namespace redoxmc
