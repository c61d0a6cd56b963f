"""[md]: how a campaign with ensemble = "md" moves in time and changes charges."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from redoxmc.config.values import Count, Distance, Natural, Table, Unit

Femtoseconds = Annotated[float, Field(ge=1e-3, le=1e9), Unit("fs")]

LONGEST_PATH = 2048  # steps that the automatic choice tries
MOST_STEPS = 1_000_000  # of a path
FEMTOSECOND = 1e-3  # ps


class MdConfig(Table):
    """Molecular dynamics at temperature with charge swaps over short paths.

    A step of the sampling is `interval` pieces of `segment` time steps, then one candidate move.
    """

    time_step: Femtoseconds = 1.0  # of the dynamics
    damping: Femtoseconds = 100.0  # how long velocities are remembered (Langevin bath)
    segment: Count = 10  # time steps between two refreshes of the velocities
    interval: Count = 5  # pieces between two candidate moves
    # accept every piece on the change of its energy: exact for any time step. False above some
    # thousand atoms, where that change grows with the number of atoms
    metropolize: bool = True
    equilibration: Femtoseconds = 1000.0  # time before the first move is counted
    # of a cell that moves; without it the cell of [relax] is kept
    pressure: Annotated[float, Field(ge=-1000, le=1000), Unit("GPa")] | None = None
    # time steps of the path over which charges are exchanged; "auto" tries lengths first
    protocol_steps: Count | Literal["auto"] = "auto"
    pilot_moves: Count = 12  # of each length that the automatic choice tries; up to 8 times more
    schedule: Literal["linear", "smooth"] = "smooth"  # how charges change along the path
    escort: bool = True  # move the local distortion along with the charges
    mobile_radius: Distance | None = None  # on a path, atoms farther from the swapped ions rest
    site_tolerance: Distance | None = None  # refuse what takes an atom farther from its site
    swaps: bool = True  # False: plain MD on the first charge order
    trajectory_interval: Natural = 0  # steps between written frames; 0 writes none

    @field_validator("protocol_steps", mode="before")
    @classmethod
    def _steps_or_auto(cls, value: Any) -> Any:
        if value != "auto" and not (type(value) is int and 1 <= value <= MOST_STEPS):
            raise ValueError(f"it must be 'auto' or a whole number from 1 to {MOST_STEPS}")
        return value

    @model_validator(mode="after")
    def _bath(self) -> "MdConfig":
        if self.damping < self.time_step:
            raise ValueError(
                f"damping = {self.damping:g} fs is below time_step = {self.time_step:g} fs; "
                "the bath must not forget velocities faster than a step, take 50 to 500 fs"
            )
        if self.segment * self.time_step > 2 * self.damping:
            raise ValueError(
                f"segment = {self.segment} steps of {self.time_step:g} fs is longer than twice "
                f"damping = {self.damping:g} fs, so that the bath acts too rarely; take at most "
                f"{max(1, int(2 * self.damping / self.time_step))} steps"
            )
        return self
