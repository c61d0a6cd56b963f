"""The HDF5 store and checkpoint, nothing else."""
