"""Solutions in the containers of other libraries."""

from __future__ import annotations

import json
from typing import Any

from tensorflowlr.arrays import host, to_numpy
from tensorflowlr.integrators.solution import Solution

OWN_NAMES = ("time", "edge", "ranks")


def to_xarray(solution: Solution) -> Any:
    """An `xarray.Dataset` of a solution; see `Solution.to_xarray`."""
    try:
        import xarray
    except ImportError as error:
        raise ImportError(
            "datasets need xarray: pip install 'tensorflowlr[xarray]'", name="xarray"
        ) from error
    observed = {name: to_numpy(values) for name, values in solution.observables.items()}
    names = _names(observed)
    taken = {*OWN_NAMES, *names.values()}
    variables: dict[str, Any] = {}
    for name, array in observed.items():
        axes = [_free(f"{names[name]}_{i}", taken) for i in range(array.ndim - 1)]
        variables[names[name]] = (("time", *axes), array)
    edges = list(solution.ranks)
    ranks = [to_numpy(column) for column in solution.ranks.values()]
    variables["ranks"] = (("time", "edge"), host.stack(ranks, axis=1))
    return xarray.Dataset(
        variables,
        coords={"time": to_numpy(solution.times), "edge": edges},
        attrs={
            "status": solution.status,
            "message": solution.message,
            "stats": json.dumps(solution.stats),
        },
    )


def _names(observables: Any) -> dict[str, str]:
    """A variable's name for every observable, none of them twice."""
    taken = {*OWN_NAMES, *observables}
    return {
        name: _free(f"observed_{name}", taken) if name in OWN_NAMES else name
        for name in observables
    }


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
