#include "crystal.h"

namespace redoxmc {

void Cell::set(const double *from, const double *rows, const bool *repeats)
{
  for (int k = 0; k < 3; k++) {
    origin[k] = from[k];
    periodic[k] = repeats[k];
    for (int v = 0; v < 3; v++) vectors[v][k] = rows[3 * v + k];
  }
  double normal[3][3], volume = 0.0;
  for (int v = 0; v < 3; v++) {
    const double *b = vectors[(v + 1) % 3], *c = vectors[(v + 2) % 3];
    for (int k = 0; k < 3; k++)
      normal[v][k] = b[(k + 1) % 3] * c[(k + 2) % 3] - b[(k + 2) % 3] * c[(k + 1) % 3];
  }
  for (int k = 0; k < 3; k++) volume += vectors[0][k] * normal[0][k];
  for (int v = 0; v < 3; v++) {
    double length = 0.0;
    for (int k = 0; k < 3; k++) {
      inverse[k][v] = normal[v][k] / volume;
      length += normal[v][k] * normal[v][k];
    }
    heights[v] = std::fabs(volume) / std::sqrt(length);
  }
}

void Cell::fractional(const double *x, double *s) const
{
  for (int v = 0; v < 3; v++) {
    s[v] = 0.0;
    for (int k = 0; k < 3; k++) s[v] += (x[k] - origin[k]) * inverse[k][v];
  }
}

void Cell::cartesian(const double *s, double *x) const
{
  for (int k = 0; k < 3; k++) {
    x[k] = origin[k];
    for (int v = 0; v < 3; v++) x[k] += s[v] * vectors[v][k];
  }
}

void Cell::nearest_image(double *d) const
{
  for (int v = 2; v >= 0; v--) {
    if (!periodic[v]) continue;
    double s = 0.0;
    for (int k = 0; k < 3; k++) s += d[k] * inverse[k][v];
    const double whole = std::round(s);
    for (int k = 0; k < 3; k++) d[k] -= whole * vectors[v][k];
  }
}

void Bins::build(const Cell &cell, const std::vector<double> &x, double width)
{
  cell_ = cell;
  const int n = static_cast<int>(x.size() / 3);
  // no more boxes than points: an empty box costs as much to look into as one with a few
  const double largest = std::cbrt(static_cast<double>(n)) + 1.0;
  for (int k = 0; k < 3; k++)
    count_[k] = std::max(1, static_cast<int>(std::min(cell.heights[k] / width, 4.0 * largest)));
  boxes_.assign(static_cast<std::size_t>(count_[0]) * count_[1] * count_[2], {});
  box_of_.assign(n, 0);
  wraps_.assign(3 * n, 0);
  for (int i = 0; i < n; i++) {
    int box[3];
    locate(&x[3 * i], box, &wraps_[3 * i]);
    box_of_[i] = index(box[0], box[1], box[2]);
    boxes_[box_of_[i]].push_back(i);
  }
}

void Bins::move(int i, const double *x)
{
  int box[3];
  locate(x, box, &wraps_[3 * i]);
  const int now = index(box[0], box[1], box[2]);
  if (now == box_of_[i]) return;
  auto &old = boxes_[box_of_[i]], &fresh = boxes_[now];
  old.erase(std::lower_bound(old.begin(), old.end(), i));
  // in order, so that sums do not depend on what was moved to and fro before
  fresh.insert(std::lower_bound(fresh.begin(), fresh.end(), i), i);
  box_of_[i] = now;
}

void Bins::locate(const double *x, int *box, int *wrap) const
{
  double s[3];
  cell_.fractional(x, s);
  for (int k = 0; k < 3; k++) {
    const int at = static_cast<int>(std::floor(s[k] * count_[k]));
    if (cell_.periodic[k]) {
      wrap[k] = floor_divide(at, count_[k]);
      box[k] = at - wrap[k] * count_[k];
    } else {
      wrap[k] = 0;
      box[k] = std::min(std::max(at, 0), count_[k] - 1);
    }
  }
}

}    // namespace redoxmc
