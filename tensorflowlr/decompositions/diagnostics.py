"""What a symmetric decomposition says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class DecompositionWarning(UserWarning):
    """A decomposition that is not what its user may expect, and why."""


@dataclass(frozen=True)
class Diagnostics:
    """How a symmetric decomposition was found; ``print`` says it in a few lines.

    Attributes
    ----------
    spectrum : NumPy array
        Known singular values of the flattening, descending, in the tensor's units.
    rank, limit : int
        Where the spectrum was cut, and the largest rank that the method finds in general.
    noise : float
        The norm of what the cut left out, relative to the tensor's; 0 where it is round-off.
    exact : bool
        Whether it is round-off.
    residual : float
        ‖T - Σ w_i a_i^{⊗m}‖ / ‖T‖. Of tensors known by their products alone, values below
        1e-8 are not resolved.
    objectives : NumPy array, shape (r,)
        f = ‖Vᵀ a^{⊗n}‖² of each component when it was found; 1 for a true one without noise.
    iterations : NumPy array of int, shape (r,)
        Power and Gauss–Newton steps that led to each component.
    restarts : int
        Starts that led to no new component.
    refinements : int
        Gauss–Newton steps on all components together.
    unique : bool
        Whether every component is an isolated maximum.
    seconds : dict
        Processor seconds for extraction, power, deflation and finish.
    messages : tuple of str
        What was warned of.
    """

    spectrum: Any
    rank: int
    limit: int
    noise: float
    exact: bool
    residual: float
    objectives: Any
    iterations: Any
    restarts: int
    refinements: int
    unique: bool
    seconds: dict[str, float]
    messages: tuple[str, ...] = ()

    def __str__(self) -> str:
        seen = len(self.spectrum)
        after = float(self.spectrum[self.rank]) if self.rank < seen else 0.0
        times = ", ".join(f"{name} {value:.3g} s" for name, value in self.seconds.items())
        lines = [
            f"rank {self.rank} (at most {self.limit}), residual {self.residual:.1e}",
            f"spectrum cut between {float(self.spectrum[self.rank - 1]):.2e} and {after:.2e}: "
            + ("round-off" if self.exact else f"noise {self.noise:.1e}"),
            f"{float(self.iterations.mean()):.0f} steps per component, {self.restarts} restarts, "
            f"{self.refinements} joint refinements",
            f"processor time: {times}",
        ]
        return "\n".join([*lines, *self.messages])
