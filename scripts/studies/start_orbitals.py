#!/usr/bin/env python
"""Give frames that are to be labelled the orbitals that ions of like surroundings ended with.

Which orbital of a partly filled shell is lowest is decided by the ions around, and calculations
that find it by themselves end in another one now and then. So every ion starts with what most ions
ended with that have the same species on the sites around: `orbitals` in the `info` of the frames
of --of. Sites and their symmetry are those of the host. --list shows how far each labelled frame
is from what is usual.

Run: .venv/bin/python scripts/studies/start_orbitals.py potentials/data/dft/frames.extxyz \\
         --host lammps_inputs/olivine_nafepo4/host.cif --of potentials/data/dft/wanted.extxyz
"""

import argparse
from pathlib import Path

from study_tools.command import input_errors_end


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("frames", type=Path, help="labelled frames with orbitals")
    parser.add_argument("--host", type=Path, required=True, help="CIF file")
    parser.add_argument("--of", type=Path, nargs="*", default=[], help="frames to label")
    parser.add_argument("--list", action="store_true", help="overlap with the usual, by frame")
    arguments = parser.parse_args()
    import ase.io

    from dft.surroundings import Sites
    from dft.usual_orbitals import Usual, overlap, put_into, start
    from redoxmc.io.extxyz import read_labelled

    with input_errors_end("start_orbitals"):
        labelled = [f for f in read_labelled(arguments.frames) if f.info.get("order_kept", True)]
        usual = Usual(Sites(ase.io.read(arguments.host)), labelled)
        for number, frame in enumerate(labelled if arguments.list else []):
            share, info = overlap(usual, frame, number), frame.info
            print(f"{share:.2f} {info.get('key')} {info['source']}")
        ions = {ion[0]: ion for ion in usual.known}
        for path in arguments.of:
            frames = read_labelled(path)
            rows = [start(usual, ions, frame) for frame in frames]
            put_into(path, [len(frame) for frame in frames], rows)
            print(f"{path}: orbitals for {sum(map(bool, rows))} of {len(frames)} frames")


if __name__ == "__main__":
    main()
