"""C++ generated from a MACE model: the same energies as TorchScript, without torch, far faster.

probe.py reads the numbers out of a model, plan.py arranges them, radial.py and angular.py make
tables and polynomials, emit.py and its siblings write C++ around kernel.cpp, build.py compiles and
caches, library.py calls the result.
"""
