"""The LAMMPS pair style plugin and how it is built."""
