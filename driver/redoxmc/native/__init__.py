"""C++ generated from a MACE model: the same energies as TorchScript, without torch, far faster.

reader.py reads a model into a plan (plan.py), with probe.py, angular.py, radial.py, readout.py and
linear_maps.py for its parts. emit.py and its siblings write C++ around kernel.cpp; build.py
compiles and caches it (compiler.py). The pair style asks for the library through
`python -m redoxmc.native`.
"""
