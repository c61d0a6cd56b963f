"""C++ generated from a model: the same energies as TorchScript, without torch, and far faster.

Of MACE, reader.py reads a model into a plan (plan.py), with probe.py, angular.py, radial.py,
readout.py and linear_maps.py for its parts; emit.py and its siblings write C++ for mace.h. Of
cPaiNN, cpainn.py reads it, with splines.py, and emit_cpainn.py writes what cpainn.h needs; of
CHGNet chgnet.py, emit_chgnet.py and chgnet.h alike. All are compiled with kernel.cpp; build.py does
that and caches it (compiler.py). The pair style asks for the library through
`python -m redoxmc.native`.
"""
