"""What the file of a data set (TOML) says of the teacher, its bias and its wall."""

from typing import Any

from distillation.labelling import BondBias, Labeller
from redoxmc.model_card import Bonds
from redoxmc.species import Species

Config = dict[str, Any]  # of a file


def bond_bias(config: Config) -> BondBias:
    """Return the bias of [bias]: its strength, and for each charge state mean bond length,
    coordination and ligand."""
    bonds = {
        name: Bonds(entry["mean_A"], entry["coordination"], Species.parse(entry["ligand"]))
        for name, entry in config["bias"]["bonds"].items()
    }
    return BondBias(config["bias"]["strength"], bonds)


def load_labeller(config: Config) -> Labeller:
    """Return the teacher (pretrained CHGNet, with a wall where the file has [wall]) and its rules.

    It computes on one thread, so that several of them can share a machine.
    """
    import torch
    from chgnet.model.dynamics import CHGNetCalculator

    torch.set_num_threads(1)
    wall, teacher = None, None
    if "wall" in config:
        from distillation.moment_wall import MomentWall, WalledTeacher

        table = config["wall"]
        begins = {name: (moment, 1) for name, moment in table["above"].items()}
        begins |= {name: (moment, -1) for name, moment in table["below"].items()}
        wall = MomentWall(begins, table["slope"], table["onset"])
        teacher = WalledTeacher([Species.parse(s) for s in config["species"]], wall)
    return Labeller(
        teacher or CHGNetCalculator(use_device="cpu"),
        bond_bias(config),
        Species.parse(config["reduced"]),
        Species.parse(config["oxidised"]),
        config["moment_threshold"],
        config["largest_force"],
        wall,
    )
