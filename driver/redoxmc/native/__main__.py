"""`python -m redoxmc.native MODEL.pt`: where a model's compiled kernels lie, made now if need be.

Prints `ok PATH`, or `no` and a sentence that says why there are none: the pair style calls this.
"""

import sys
from pathlib import Path

from redoxmc.errors import InputError
from redoxmc.native.build import native_library
from redoxmc.native.errors import NativeUnavailableError

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m redoxmc.native MODEL.pt")
    try:
        print("ok", native_library(Path(sys.argv[1])).resolve())
    except (InputError, NativeUnavailableError) as problem:
        print("no", " ".join(str(problem).split()))
    except Exception as problem:  # nothing that goes wrong here may end a run
        text = " ".join(str(problem).split())
        print(f"no the generator of native kernels failed: {type(problem).__name__}: {text}.")
