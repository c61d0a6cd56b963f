# Makes and reuses .venv in the repository; sourced by scripts/demo and scripts/test.
# Needs only Python 3.11+ with venv, a C++17 compiler and the package registry.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"
python=${PYTHON:-python3}
torch_version=${REDOXMC_TORCH:-2.13.0}
stamp=.venv/redoxmc-setup
wanted=$(cat pyproject.toml scripts/constraints.txt scripts/setup.sh | cksum)

if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
  echo "Setting up .venv (a few minutes, once)" >&2
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  pip=(.venv/bin/python -m pip --disable-pip-version-check -qq)
  # torch first and by itself: a resolver left alone with it drags in gigabytes of CUDA.
  .venv/bin/python -c 'import torch' 2>/dev/null || "${pip[@]}" install "torch==$torch_version"
  pinned=$(mktemp)
  cp scripts/constraints.txt "$pinned"
  .venv/bin/python -c 'import torch; print("torch==" + torch.__version__)' >>"$pinned"
  "${pip[@]}" install -c "$pinned" -e '.[mpich,train,dev]'
  rm -f "$pinned"
  echo "$wanted" >"$stamp"
fi
export PATH="$repo/.venv/bin:$PATH"
# Spinning threads on a shared machine cost several times the CPU; one rank per core needs one thread.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
