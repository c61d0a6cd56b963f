"""What is stored of a campaign: HDF5, checkpoints, trajectories, results that are shipped."""
