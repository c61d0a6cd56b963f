"""Unit constants. Inside: eV, Å, eV/Å, eV/Å^3, K (LAMMPS units metal but for stress)."""

KB = 8.617333262145e-5  # Boltzmann constant, eV/K (CODATA 2018, exact)
EV_PER_A3_TO_GPA = 160.21766208  # 1 eV/Å^3 in GPa
BAR_TO_EV_PER_A3 = 1.0 / 1.6021765e6  # LAMMPS' own constant (units metal, nktv2p)
