"""What observers have in common: checked settings that files can hold."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.checks import is_whole, shown, whole_number
from tensorflowlr.tensors import TreeTensor, construct
from tensorflowlr.tensors.moments import check_weights


@dataclass(frozen=True, eq=False)
class Observer(ABC):
    """Settings of an observer; in files, mappings by mode have texts for keys."""

    @abstractmethod
    def __call__(self, t: float, Y: TreeTensor) -> Any:
        """What is seen of a state: a number, or a NumPy array of one shape."""

    def stored(self) -> dict[str, Any]:
        """The constructor's arguments, in the form that files hold."""
        return {f.name: _texts(getattr(self, f.name)) for f in dataclasses.fields(self)}

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _texts(value: Any) -> Any:
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else value


def _mode(mode: Any, name: str) -> int:
    # files and configurations have texts for keys
    if isinstance(mode, str) and mode.isdecimal():
        mode = int(mode)
    return whole_number(mode, name, least=0)


def checked_modes(modes: Any) -> tuple[int, ...]:
    """A mode, or several different ones, as a tuple."""
    found = (modes,) if is_whole(modes) else construct.checked_list(modes, "modes")
    made = tuple(_mode(mode, "modes") for mode in found)
    if len(set(made)) < len(made):
        raise ValueError(f"modes must differ, not {made!r}")
    return made


def checked_vectors(vectors: Any, name: str) -> dict[int, Any]:
    """Vectors and indices by mode."""
    if not isinstance(vectors, Mapping):
        raise TypeError(f"{name} must map modes to vectors, not {shown(vectors)}")
    made: dict[int, Any] = {}
    for key, vector in vectors.items():
        mode, label = _mode(key, f"a mode of {name}"), f"{name}[{key}]"
        if is_whole(vector):
            made[mode] = int(vector)
            continue
        made[mode] = construct.checked_array(vector, label)
        if made[mode].ndim != 1:
            raise ValueError(f"{label} must have one axis, not shape {tuple(made[mode].shape)}")
    return made


def checked_weights(weights: Any) -> dict[int, Any]:
    """Weights by mode that are probabilities."""
    made = checked_vectors(weights, "weights")
    if not made:
        raise ValueError("weights must name at least one mode")
    for mode, vector in made.items():
        if isinstance(vector, int):
            raise TypeError(f"weights[{mode}] must be an array of probabilities, not {vector!r}")
        check_weights(vector, f"weights[{mode}]")
    return made


def checked_matrices(matrices: Any, name: str) -> Any:
    """One matrix, or matrices by mode."""
    if isinstance(matrices, Mapping):
        if not matrices:
            raise ValueError(f"{name} must name at least one mode")
        return {_mode(key, f"a mode of {name}"): _matrix(m, f"{name}[{key}]")
                for key, m in matrices.items()}
    return _matrix(matrices, name)


def _matrix(matrix: Any, name: str) -> Any:
    if arrays.is_sparse(matrix):
        if not arrays.sparse_finite(matrix):
            raise ValueError(f"{name} must be finite, but holds NaN or Inf")
        return matrix
    made = construct.checked_array(matrix, name)
    if made.ndim > 2 or made.shape[0] != made.shape[-1]:
        raise ValueError(
            f"{name} must have shape (n, n), or (n,) for a diagonal, not {tuple(made.shape)}"
        )
    return made
