#include "candidate_path.h"

namespace redoxmc {
namespace {

  double smooth(double t) { return t * t * (3.0 - 2.0 * t); }

  // λ after k of n steps, with λ_{n-k} = 1 - λ_k
  double switched(int k, int n)
  {
    return 0.5 * (smooth(static_cast<double>(k) / n) +
                  (1.0 - smooth(static_cast<double>(n - k) / n)));
  }

  double kinetic(const std::vector<double> &masses, const std::vector<double> &v, double mvv2e)
  {
    double sum = 0.0;
    for (std::size_t i = 0; i < v.size(); i++) sum += masses[i / 3] * v[i] * v[i];
    return 0.5 * mvv2e * sum;
  }

}    // namespace

CandidatePath take_path(Region &region, std::vector<double> x, std::vector<double> v,
                        const std::vector<double> &masses, int steps, double time_step,
                        double mvv2e, const std::function<bool(const std::vector<double> &)> &allowed)
{
  CandidatePath path;
  double begin = 0.0, moving = kinetic(masses, v, mvv2e);
  for (int k = 0; k <= steps; k++) {
    if (!allowed(x)) {
      path.left = true;
      return path;
    }
    region.evaluate(x);
    if (k == 0) begin = region.energy(0);
    if (steps == 0) break;
    const double lambda = switched(k, steps);
    const double share = (k == 0 || k == steps ? 0.5 : 1.0) * time_step / mvv2e;
    const auto &before = region.forces(0), &after = region.forces(1);
    for (std::size_t i = 0; i < x.size(); i++)
      v[i] += share / masses[i / 3] * ((1.0 - lambda) * before[i] + lambda * after[i]);
    if (k < steps)
      for (std::size_t i = 0; i < x.size(); i++) x[i] += time_step * v[i];
  }
  path.potential = region.energy(1) - begin;
  path.work = path.potential + kinetic(masses, v, mvv2e) - moving;
  path.positions = std::move(x);
  return path;
}

}    // namespace redoxmc
