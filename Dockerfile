# redoxmc with MPICH from the registries, built from the wheel of this repository.
#   docker build -t redoxmc . && docker run --rm -v "$PWD:/work" redoxmc redoxmc run campaign.toml --out results
# On a cluster the site's own MPI should be used: see redoxmc.def for Apptainer.
FROM python:3.11-slim AS wheel
COPY pyproject.toml README.md LICENSE /source/
COPY driver /source/driver
RUN pip wheel --no-deps --wheel-dir /wheels /source

FROM python:3.11-slim
# the pair style and native kernels are compiled on the machine that runs them
RUN apt-get update && apt-get install -y --no-install-recommends g++ make && rm -rf /var/lib/apt/lists/*
COPY --from=wheel /wheels /wheels
COPY scripts/constraints.txt /wheels/
RUN pip install --no-cache-dir "torch==2.13.0" --index-url https://download.pytorch.org/whl/cpu \
 && pip install --no-cache-dir -c /wheels/constraints.txt "$(ls /wheels/*.whl)[mpich]" \
 && python -m redoxmc.plugin.build
COPY potentials /opt/redoxmc/potentials
COPY lammps_inputs/olivine_nafepo4 /opt/redoxmc/lammps_inputs/olivine_nafepo4
ENV OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE REDOXMC_CACHE=/tmp/redoxmc-cache
WORKDIR /work
CMD ["redoxmc", "doctor"]
