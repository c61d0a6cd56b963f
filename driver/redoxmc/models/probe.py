"""Opens a TorchScript model and evaluates two atoms, in a process of its own.

`python -m redoxmc.models.probe MODEL.pt` ends with code 0 where that works, with 1 and a line on
stderr where it raises, and by a signal where torch crashes: whoever started it then knows.
"""

import resource
import sys
from pathlib import Path


def open_and_evaluate(model: Path) -> None:
    """Load a model and evaluate a pair of atoms; raises whatever torch raises."""
    import torch

    from redoxmc.models.export import DTYPES, load_script

    module, metadata = load_script(model)
    edges = torch.tensor([[0, 1], [1, 0]])
    vectors = torch.zeros((2, 3), dtype=DTYPES[metadata["dtype"]], requires_grad=True)
    step = torch.zeros_like(vectors)
    step[0, 0], step[1, 0] = 0.5 * metadata["r_cut"], -0.5 * metadata["r_cut"]
    species = torch.tensor([metadata["species"][0]["row"], metadata["species"][-1]["row"]])
    result = module(species, edges, vectors + step, 2)
    energy = result["energy"]
    if energy.shape != (2,):
        raise ValueError(f"it gives energies of shape {tuple(energy.shape)} for two atoms")
    energy.sum().backward()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        open_and_evaluate(Path(sys.argv[1]))
    except Exception as problem:  # whatever it is, the model cannot be used
        sys.exit(" ".join(f"{type(problem).__name__}: {problem}".split())[-300:])
