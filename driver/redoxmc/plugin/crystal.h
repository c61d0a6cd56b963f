// Atoms in a cell, and who is near a place: a search of its own, as LAMMPS' lists reach one cutoff.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace redoxmc {

struct Cell {
  double origin[3];
  double vectors[3][3];    // rows, Å
  double inverse[3][3];
  double heights[3];       // between opposite faces, Å
  bool periodic[3];

  void set(const double *origin, const double *vectors, const bool *periodic);
  void fractional(const double *x, double *s) const;
  void cartesian(const double *s, double *x) const;
  // Takes whole vectors of the periodic directions off d, so that it is the nearest image's (in a
  // cell that is not strongly tilted).
  void nearest_image(double *d) const;
};

// Points sorted into the boxes of a grid. The points may lie outside the cell.
class Bins {
 public:
  // x: 3 numbers per point. width: of a box, about; the smallest reach that will be asked for.
  void build(const Cell &, const std::vector<double> &x, double width);
  // Point i is at x now.
  void move(int i, const double *x);

  // Calls visit(j, x_j) for every point, image by image, in boxes that touch the sphere; x_j is the
  // image's position. Some of them are farther away than reach.
  template <typename Visit>
  void near(const std::vector<double> &points, const double *x, double reach, Visit visit) const
  {
    int centre[3], wrap[3];
    locate(x, centre, wrap);
    int low[3], high[3];
    for (int k = 0; k < 3; k++) {
      const int steps = static_cast<int>(std::ceil(reach * count_[k] / cell_.heights[k]));
      low[k] = centre[k] + wrap[k] * count_[k] - steps;
      high[k] = low[k] + 2 * steps;
      if (!cell_.periodic[k]) {
        low[k] = std::max(low[k], 0);
        high[k] = std::min(high[k], count_[k] - 1);
      }
    }
    for (int a = low[0]; a <= high[0]; a++)
      for (int b = low[1]; b <= high[1]; b++)
        for (int c = low[2]; c <= high[2]; c++) {
          const int image[3] = {floor_divide(a, count_[0]), floor_divide(b, count_[1]),
                                floor_divide(c, count_[2])};
          const auto &box = boxes_[index(a - image[0] * count_[0], b - image[1] * count_[1],
                                         c - image[2] * count_[2])];
          for (const int j : box) {
            double at[3];
            for (int k = 0; k < 3; k++) at[k] = points[3 * j + k];
            for (int v = 0; v < 3; v++) {
              const int shift = image[v] - wraps_[3 * j + v];
              if (shift)
                for (int k = 0; k < 3; k++) at[k] += shift * cell_.vectors[v][k];
            }
            visit(j, at);
          }
        }
  }

 private:
  Cell cell_;
  int count_[3];
  std::vector<std::vector<int>> boxes_;    // points in ascending order
  std::vector<int> box_of_, wraps_;        // of a point: its box, and how many cells it is away

  static int floor_divide(int a, int n) { return a >= 0 ? a / n : -((n - 1 - a) / n); }
  int index(int a, int b, int c) const { return (a * count_[1] + b) * count_[2] + c; }
  void locate(const double *x, int *box, int *wrap) const;
};

// What the energy of a crystal depends on.
struct Crystal {
  Cell cell;
  std::vector<double> x;    // 3 per atom, Å, wrapped or not
  std::vector<int> row;     // of an atom: its species' row in the model's table
  Bins bins;

  int size() const { return static_cast<int>(row.size()); }
  void place(int atom, const double *position)
  {
    std::copy(position, position + 3, x.begin() + 3 * atom);
    bins.move(atom, position);
  }
};

}    // namespace redoxmc
