"""The barrier of an ion's hop by a nudged elastic band, against a published path."""

from pathlib import Path
from typing import Any

import numpy as np

from model_comparison.compared_model import ComparedModel
from model_comparison.settings import BarrierSettings
from redoxmc.data.label import label_files
from redoxmc.data.session_calculator import SessionCalculator
from redoxmc.errors import EngineError, InputError
from redoxmc.io.extxyz import species_of


def measure_barrier(model: ComparedModel, barrier: BarrierSettings, folder: Path) -> dict[str, Any]:
    """Barriers (eV) of a model: on the images of the path as they are, and of its own band.

    The band has the published images as its start, relaxed ends and a climbing image (improved
    tangents: Henkelman, Jónsson, J. Chem. Phys. 113, 9978 (2000)), in the published cell. Charge
    states come from the moments of the ends, which must agree. Returns {"skipped": why} where the
    file is missing.
    """
    path = folder / barrier.path
    if not path.is_file():
        return {"skipped": f"{path.name} is not in the folder of published data"}
    images, published = read_path(path)
    records = model.records("barrier", [barrier.model_dump(mode="json"), published])
    band = records.get("band", lambda: _band(model, images, barrier))
    return {
        "published_eV": (np.array(published) - published[0]).tolist(),
        "published_barrier_eV": max(published) - published[0],
        **band,
    }


def read_path(path: Path) -> tuple[list[Any], list[float]]:
    """Return the images of a path with `charge_state`, and their energies (eV) as published.

    Raises InputError where the ends carry no charge states or different ones.
    """
    from ase.io import read

    images = read(path, index=":")
    ends = label_files([path]).frames
    states = [np.array(end.arrays["charge_state"]).astype(str) for end in ends]
    if len(ends) < 2 or not np.array_equal(states[0], states[-1]):
        raise InputError(
            f"{path}: the two ends of a path must have moments that give the same charge states."
        )
    energies = [float(image.get_potential_energy()) for image in images]
    for image in images:
        image.calc = None
        image.set_array("charge_state", states[0])
    return images, energies


def _band(model: ComparedModel, images: list[Any], barrier: BarrierSettings) -> dict[str, Any]:
    from ase.mep import NEB
    from ase.optimize import FIRE

    session = model.session
    states = [_state(model, image) for image in images]
    for image in (images[0], images[-1]):
        end = session.minimize(
            np.array(image.cell),
            image.get_positions(),
            species_of(image),
            force_tolerance=barrier.force_tolerance / 2,
            max_iterations=model.settings.relax.max_iterations,
        )
        image.set_positions(end.positions)
    for image in images:
        image.calc = SessionCalculator(session)
    band = NEB(images, climb=True, method="improvedtangent", allow_shared_calculator=True)
    optimizer = FIRE(band, logfile=None)
    converged = bool(optimizer.run(fmax=barrier.force_tolerance, steps=barrier.max_steps))
    energies = np.array([image.get_potential_energy() for image in images])
    if not np.isfinite(energies).all():
        raise EngineError("the band has an energy that is not a number")
    return {
        "single_points_eV": (np.array(states) - states[0]).tolist(),
        "single_point_barrier_eV": max(states) - states[0],
        "band_eV": (energies - energies[0]).tolist(),
        "barrier_eV": float(energies.max() - energies[0]),
        "converged": converged,
        "steps": int(optimizer.nsteps),
    }


def _state(model: ComparedModel, image: Any) -> float:
    state = model.session.evaluate(np.array(image.cell), image.get_positions(), species_of(image))
    return state.energy
