#!/bin/bash
# A job array over the concentrations of one campaign: each x is a job of its own, with its own
# folder, time limit and requeue.
#   sbatch --array=0-4 scripts/slurm/array_over_x.sh campaign.toml results/array
# When all are done, bring them together (hull, voltage, report):
#   redoxmc analyze results/array/x* --out results/array/all
#SBATCH --job-name=redoxmc-x
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2G
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
set -u
config=$1
out=$2
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

x=$(python -c '
import sys, tomllib
values = tomllib.load(open(sys.argv[1], "rb"))["ions"]["concentrations"]
print(values[int(sys.argv[2])])
' "$config" "$SLURM_ARRAY_TASK_ID") || exit 2

folder="$out/x$x"
resume=()
[ -f "$folder/results.h5" ] && resume=(--resume)
srun redoxmc run "$config" --out "$folder" --concentration "$x" "${resume[@]}"
status=$?
if [ $status -eq 75 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit $status
