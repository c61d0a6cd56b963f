#include "swap_moves.h"

#include "random_stream.h"

#include <map>

namespace redoxmc {
namespace {

  int product(const int *windows) { return windows[0] * windows[1] * windows[2]; }

  // What one window works on.
  class Window {
   public:
    Window(SwapAtoms &atoms, Region &region, const SwapSettings &settings, RandomStream &random,
           SwapCounts &counts) :
        atoms_(atoms), region_(region), settings_(settings), random_(random), counts_(counts)
    {
    }
    std::vector<int> ions;    // that it may draw

    void attempt();
    std::vector<SwapChange> finish();

   private:
    SwapAtoms &atoms_;
    Region &region_;
    const SwapSettings &settings_;
    RandomStream &random_;
    SwapCounts &counts_;
    std::map<int, std::pair<int, std::vector<double>>> before_;    // of what it changed

    double apart(int i, int j) const
    {
      double d[3], square = 0.0;
      for (int k = 0; k < 3; k++) d[k] = atoms_.site[3 * i + k] - atoms_.site[3 * j + k];
      atoms_.crystal.cell.nearest_image(d);
      for (const double part : d) square += part * part;
      return std::sqrt(square);
    }
    std::vector<int> partners(int i, int type) const
    {
      std::vector<int> found;
      for (const int j : ions)
        if (j != i && atoms_.type[j] == type &&
            (settings_.reach < 0.0 || apart(i, j) <= settings_.reach))
          found.push_back(j);
      return found;
    }
    std::vector<int> mobile_atoms(int i, int j) const;
    std::vector<double> strays(const std::vector<int> &mobile) const;
    void keep(int atom);
    void accept(const std::vector<int> &mobile, int i, int j, const std::vector<double> &x);
  };

  std::vector<int> Window::mobile_atoms(int i, int j) const
  {
    std::vector<int> found = {i, j};
    const double limit = settings_.radius * settings_.radius;
    for (const int centre : {i, j}) {
      const double *at = &atoms_.site[3 * centre];
      atoms_.site_bins.near(atoms_.site, at, settings_.radius, [&](int other, const double *x) {
        double square = 0.0;
        for (int k = 0; k < 3; k++) square += (x[k] - at[k]) * (x[k] - at[k]);
        if (square <= limit && atoms_.member[other]) found.push_back(other);
      });
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

  // From site to atom, as of now.
  std::vector<double> Window::strays(const std::vector<int> &mobile) const
  {
    std::vector<double> all;
    for (const int atom : mobile) {
      double d[3];
      for (int k = 0; k < 3; k++) d[k] = atoms_.crystal.x[3 * atom + k] - atoms_.site[3 * atom + k];
      atoms_.crystal.cell.nearest_image(d);
      all.insert(all.end(), d, d + 3);
    }
    return all;
  }

  void Window::attempt()
  {
    std::vector<int> first;
    for (const int ion : ions)
      if (atoms_.type[ion] == settings_.types[0]) first.push_back(ion);
    if (first.empty()) return;
    const int i = first[random_.index(static_cast<int>(first.size()))];
    const std::vector<int> others = partners(i, settings_.types[1]);
    if (others.empty()) return;
    const int j = others[random_.index(static_cast<int>(others.size()))];
    const double chance = random_.uniform();
    counts_.attempts++;

    const std::vector<int> mobile = mobile_atoms(i, j);
    std::vector<int> rows, rows_after;
    std::vector<double> x, v, masses;
    for (const int atom : mobile) {
      const int type = atoms_.type[atom];
      const int after = atom == i ? settings_.types[1] : atom == j ? settings_.types[0] : type;
      rows.push_back(settings_.row[type]);
      rows_after.push_back(settings_.row[after]);
      masses.push_back(settings_.mass[type]);
      const double width = std::sqrt(settings_.thermal_energy / (settings_.mvv2e * masses.back()));
      for (int k = 0; k < 3; k++) {
        x.push_back(atoms_.crystal.x[3 * atom + k]);
        v.push_back(width * random_.normal());
      }
    }
    const std::vector<double> astray = strays(mobile), begin = x;
    const double limit = settings_.tolerance * settings_.tolerance;
    const auto allowed = [&](const std::vector<double> &now) {
      if (settings_.tolerance < 0.0) return true;
      for (std::size_t m = 0; m < now.size(); m += 3) {
        double square = 0.0;
        for (std::size_t k = m; k < m + 3; k++) {
          const double d = astray[k] + now[k] - begin[k];
          square += d * d;
        }
        if (!(square <= limit)) return false;
      }
      return true;
    };

    region_.begin(atoms_.crystal, mobile, rows, rows_after);
    bool failed = false;
    CandidatePath path;
    try {
      path = take_path(region_, std::move(x), std::move(v), masses, settings_.length,
                       settings_.time_step, settings_.mvv2e, allowed);
    } catch (const std::exception &) {
      failed = true;    // a NaN: refused, as its reverse would be
    }
    region_.restore();
    if (failed || path.left) {
      counts_.refused++;
      return;
    }
    counts_.work += path.work;
    // ions of the second type within reach of j after the move: i is one of them, j no more
    double ratio = 1.0;
    if (settings_.reach >= 0.0)
      ratio = static_cast<double>(others.size()) / (partners(j, settings_.types[1]).size() + 1);
    if (!(chance < ratio * std::exp(-path.work / settings_.thermal_energy))) return;
    counts_.accepted++;
    counts_.potential += path.potential;
    accept(mobile, i, j, path.positions);
  }

  void Window::keep(int atom)
  {
    const double *x = &atoms_.crystal.x[3 * atom];
    before_.emplace(atom, std::make_pair(atoms_.type[atom], std::vector<double>(x, x + 3)));
  }

  void Window::accept(const std::vector<int> &mobile, int i, int j, const std::vector<double> &x)
  {
    for (std::size_t m = 0; m < mobile.size(); m++) {
      keep(mobile[m]);
      atoms_.crystal.place(mobile[m], &x[3 * m]);
    }
    for (const int k : {0, 1}) {
      const int atom = k ? j : i, type = settings_.types[1 - k];
      atoms_.type[atom] = type;
      atoms_.crystal.row[atom] = settings_.row[type];
    }
  }

  std::vector<SwapChange> Window::finish()
  {
    std::vector<SwapChange> changes;
    for (const auto &[atom, was] : before_) {
      SwapChange change = {atom, atoms_.type[atom], {}};
      for (int k = 0; k < 3; k++) change.shift[k] = atoms_.crystal.x[3 * atom + k] - was.second[k];
      changes.push_back(change);
      atoms_.type[atom] = was.first;
      atoms_.crystal.row[atom] = settings_.row[was.first];
      atoms_.crystal.place(atom, was.second.data());
    }
    return changes;
  }

}    // namespace

double window_margin(const SwapSettings &settings, const Metadata &model)
{
  if (product(settings.windows) == 1) return 0.0;
  return model.n_layers * model.r_cut + std::max(settings.tolerance, 0.0) + settings.radius;
}

bool windows_fit(const Cell &cell, const int *windows, double margin)
{
  for (int k = 0; k < 3; k++)
    if (windows[k] > 1 && cell.heights[k] / windows[k] <= 2.0 * margin) return false;
  return true;
}

std::vector<SwapChange> swap_in_window(SwapAtoms &atoms, Region &region,
                                       const SwapSettings &settings, double margin,
                                       std::int64_t step, int window, SwapCounts &counts)
{
  const int *n = settings.windows, all = product(n);
  const Cell &cell = atoms.crystal.cell;
  RandomStream common(settings.seed, step, 0), random(settings.seed, step, window + 1);
  double shift[3];
  for (double &part : shift) part = common.uniform();
  const int place[3] = {window % n[0], window / n[0] % n[1], window / n[0] / n[1]};

  Window work(atoms, region, settings, random, counts);
  for (std::size_t atom = 0; atom < atoms.type.size(); atom++) {
    const int type = atoms.type[atom];
    if (!atoms.member[atom] || (type != settings.types[0] && type != settings.types[1])) continue;
    double s[3];
    cell.fractional(&atoms.site[3 * atom], s);
    bool inside = true;
    for (int k = 0; k < 3; k++) {
      if (n[k] == 1) continue;
      const double along = (s[k] - shift[k] - std::floor(s[k] - shift[k])) * n[k] - place[k];
      const double edge = margin * n[k] / cell.heights[k];
      inside = inside && along >= edge && along < 1.0 - edge;
    }
    if (inside) work.ions.push_back(static_cast<int>(atom));
  }
  const int attempts = settings.attempts / all + (window < settings.attempts % all);
  for (int k = 0; k < attempts; k++) work.attempt();
  return work.finish();
}

}    // namespace redoxmc
