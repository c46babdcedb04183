"""What a run gives back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from tensorflowlr.arrays import Array
from tensorflowlr.tensors import TreeTensor


class IntegrationError(RuntimeError):
    """A run that cannot go on; what was reached is not lost.

    Attributes
    ----------
    state : TreeTensor
        The last good state.
    time : float
        Its time.
    solution : Solution or None
        Everything recorded until then.
    """

    def __init__(self, message: str, state: TreeTensor, time: float) -> None:
        super().__init__(message)
        self.state, self.time = state, time
        self.solution: Solution | None = None

    def __reduce__(self) -> Any:
        # a run in another process fails here as it failed there
        return _failure, (str(self), self.state, self.time, self.solution)


def _failure(
    message: str, state: TreeTensor, time: float, solution: Solution | None
) -> IntegrationError:
    made = IntegrationError(message, state, time)
    made.solution = solution
    return made


class RankCapWarning(UserWarning):
    """`max_rank` cut where the tolerance would have kept more."""


@dataclass(frozen=True)
class Solution:
    """The result of `integrate`.

    Attributes
    ----------
    t : array
        Times of the saved states.
    y : list of TreeTensor
        The saved states.
    final : TreeTensor
        The last state.
    times : array
        The start and every accepted step.
    observables : dict of str to array
        One value per entry of `times`.
    ranks : dict of int to array
        The rank of every edge, per entry of `times`.
    stats : dict
        ``steps``, ``rejected``, ``evaluations``, ``discarded`` (the sum over steps of the
        2-norms cut off), ``discarded_max``, ``rank_capped`` (steps that `max_rank` cut),
        ``checkpoints`` (how many were written), ``wall_seconds``, ``cpu_seconds``, and
        ``moves`` with ``wall``, ``cpu`` and ``calls`` per move.
    status : str
        ``"completed"``, ``"interrupted"``, ``"failed"``, or ``"running"`` in a checkpoint.
    message : str
        The same in words.
    """

    t: Array
    y: list[TreeTensor]
    final: TreeTensor
    times: Array
    observables: dict[str, Array]
    ranks: dict[int, Array]
    stats: dict[str, Any]
    status: str
    message: str

    @property
    def success(self) -> bool:
        """Whether the run reached its end."""
        return self.status == "completed"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the solution to an HDF5 file, whole or not at all.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from tensorflowlr.integrators.storage import save_solution

        save_solution(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Solution:
        """Read a solution, or what a checkpoint has so far; arrays come back in NumPy.

        Raises
        ------
        ValueError
            If the file is damaged or another kind of file.
        OSError
            If it cannot be opened.
        """
        from tensorflowlr.integrators.storage import load_solution

        return load_solution(path).solution

    def plot(
        self, path: str | os.PathLike[str] | None = None, *, title: str | None = None
    ) -> Any:
        """Draw observables, ranks and the drift of what is conserved.

        Parameters
        ----------
        path
            A PNG file to write; without one the figure is only returned, and notebooks show it.
        title
            A line above the picture.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If matplotlib is missing (``pip install 'tensorflowlr[plot]'``).
        OSError
            If the file cannot be written.
        """
        from tensorflowlr.plotting import plot_solution

        return plot_solution(self, path, title=title)

    def to_xarray(self) -> Any:
        """Times, observables and ranks as an `xarray.Dataset`.

        Returns
        -------
        xarray.Dataset
            Observables over ``time`` and, for arrays, ``NAME_0``, ``NAME_1`` …; ``ranks`` over
            ``time`` and ``edge``; ``status``, ``message`` and ``stats`` (JSON) as attributes.
            An observable called ``time``, ``edge`` or ``ranks`` gets ``observed_`` before its
            name.

        Raises
        ------
        ImportError
            If xarray is missing (``pip install 'tensorflowlr[xarray]'``).
        """
        from tensorflowlr.integrators.export import to_xarray

        return to_xarray(self)

    @property
    def max_ranks(self) -> Array:
        """The largest rank of any edge, per entry of `times`."""
        columns = list(self.ranks.values())
        largest = columns[0]
        for column in columns[1:]:
            largest = largest + (column - largest) * (column > largest)
        return largest

    def __str__(self) -> str:
        s, largest = self.stats, self.max_ranks
        lines = [
            f"{self.status}: {self.message}",
            f"  t            {self.times[0]:g} … {self.times[-1]:g}",
            f"  steps        {s['steps']} ({s['rejected']} repeated)",
            f"  ranks        {int(largest.min())} … {int(largest.max())}"
            + (f" (max_rank cut {s['rank_capped']} steps)" if s["rank_capped"] else ""),
            f"  discarded    {s['discarded']:.2e} in all, {s['discarded_max']:.2e} at most",
            f"  evaluations  {s['evaluations']}",
            f"  seconds      {s['wall_seconds']:.2f} wall, {s['cpu_seconds']:.2f} CPU ("
            + ", ".join(
                f"{name} {move['cpu']:.2f}" for name, move in s["moves"].items() if move["calls"]
            )
            + ")",
        ]
        for name, values in self.observables.items():
            lines.append(f"  {name:<12} {_number(values[0])} → {_number(values[-1])}")
        return "\n".join(lines)


def _number(value: Any) -> str:
    number = complex(value) if getattr(value, "shape", ()) == () else None
    if number is None:
        return f"array of shape {value.shape}"
    return f"{number.real:.10g}" if number.imag == 0.0 else f"{number:.8g}"
