// Where the numbers of CHGNet's layers are among the weights.
#pragma once

#include <cstddef>

struct Matrix {
  std::size_t forward, back;    // in panels, as `times` wants it; its transpose
};

struct Gate {
  Matrix core, gate;    // of the second layer; not there in an update of angles
  std::size_t bias, second_bias, scale, shift;    // [2 WIDTH]
};

struct AtomLayer {
  Matrix receiver, bond, sender, out;
  Gate gate;
  std::size_t table;
};

struct AngleLayer {
  Matrix first, second, angle, centre, out;    // no `out` in an update of angles
  Gate gate;
};
