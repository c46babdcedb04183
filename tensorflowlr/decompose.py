"""The methods behind ``tensorflowlr decompose``: an array or data in, a result that can be kept.

`METHODS` maps a name to a function of an array (or of a moment tensor, for ``spm``) and the
command's options; a method more is a function more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import host, to_numpy
from tensorflowlr.checks import shown
from tensorflowlr.decompositions import MomentTensor, hooi, subspace_power_method
from tensorflowlr.io import read_numbers, write_object, writing
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation


@dataclass(frozen=True)
class Options:
    """What the command line says of a decomposition.

    Attributes
    ----------
    rank : int or None
        The number of terms, or the largest rank of any edge.
    rtol : float or None
        The relative tolerance; for ``spm`` the relative noise level.
    rng : int
        The seed.
    progress : bool
        Whether to show a progress bar.
    """

    rank: int | None = None
    rtol: float | None = None
    rng: int = 0
    progress: bool = False

    @property
    def truncation(self) -> Truncation:
        """The rank policy of tolerance and rank."""
        return Truncation(rtol=self.rtol or 0.0, max_rank=self.rank)


@dataclass(frozen=True)
class Result:
    """A decomposition with what is said, kept and drawn of it.

    Attributes
    ----------
    tensor
        What was made, an object that `tensorflowlr.io.write_object` can keep.
    summary : str
        A few lines.
    numbers : mapping of str to array
        What is kept beside it.
    draw : callable
        Draws into two panels.
    """

    tensor: Any
    summary: str
    numbers: Mapping[str, Any]
    draw: Callable[[Any, Any], None]

    def save(self, path: Path) -> None:
        """Keep it in an HDF5 file: ``tensor``, and ``numbers`` by name."""
        with writing(path) as file:
            write_object(file, "tensor", self.tensor)
            group = file.create_group("numbers")
            for name, value in self.numbers.items():
                write_object(group, name, value)

    def plot(self, path: Path, *, title: str | None = None) -> None:
        """Draw it into a PNG file."""
        from tensorflowlr.plotting import plot_panels

        plot_panels(self.draw, path, title=title)


def load(path: Path, moments: int | None = None) -> Any:
    """What `tensorflowlr.io.read_numbers` finds in a file, or the moments of its rows.

    Raises
    ------
    as `tensorflowlr.io.read_numbers` does; TypeError, ValueError
        If rows and order make no moments.
    """
    array = read_numbers(path)
    return array if moments is None else MomentTensor(array, moments)


def run(method: str, source: Any, options: Options) -> Result:
    """Decompose by a method of `METHODS`.

    Raises
    ------
    ValueError, TypeError
        Naming what cannot be.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {shown(method)}")
    if isinstance(source, MomentTensor) and method != "spm":
        raise ValueError(f"--moments goes with --method spm, not {method}")
    return METHODS[method](source, options)


def _spm(source: Any, options: Options) -> Result:
    cp = subspace_power_method(source, options.rank, tol=options.rtol, rng=options.rng,
                               progress=options.progress)
    found = cp.diagnostics

    def draw(left: Any, right: Any) -> None:
        from tensorflowlr import panels

        panels.spectrum(left, found.spectrum, found.rank)
        panels.terms(right, to_numpy(cp.weights), to_numpy(cp.factors))

    numbers = {"spectrum": found.spectrum, "rank": found.rank, "residual": found.residual,
               "objectives": found.objectives, "iterations": found.iterations}
    return Result(cp, f"{cp}\n{found}", numbers, draw)


def _tucker(x: Any, options: Options) -> Result:
    return _tree_result(x, hooi(x, options.truncation))


def _tree(x: Any, options: Options) -> Result:
    tree = Tree.balanced(x.ndim) if x.ndim else Tree.balanced(1)
    return _tree_result(x, TreeTensor.from_dense(x, tree, options.truncation))


def _tree_result(x: Any, Y: TreeTensor) -> Result:
    size = arrays.norm(arrays.asarray(x))
    error = arrays.norm(arrays.asarray(x) - Y.to_dense()) / size if size else 0.0
    entries = sum(core.size for core in Y.cores)
    share = entries / x.size

    def draw(left: Any, right: Any) -> None:
        from tensorflowlr import panels

        for edge in Y.tree.edges:
            modes = Y.tree.leaves_below[edge]
            values = arrays.svd(_unfolded(arrays.asarray(x), modes))[1] if x.size <= (
                1 << 20) else host.ones(Y.ranks[edge])
            panels.spectrum(left, values, Y.ranks[edge], name=str(modes))
        panels.bars(right, [str(Y.tree.leaves_below[e]) for e in Y.tree.edges],
                    list(Y.ranks.values()), "rank")

    summary = f"{Y!r}\nrelative error {error:.1e}, {entries} of {x.size} numbers ({share:.1%})"
    return Result(Y, summary, {"error": error, "share": share}, draw)


def _tubal(x: Any, options: Options) -> Result:
    from tensorflowlr.tubal import t_svd

    Y = t_svd(x, options.truncation)
    values = t_svd(x).singular_values()
    made, size = Y.to_dense(), arrays.norm(x)
    error = arrays.norm(x - made) / size if size else 0.0
    ranks = Y.multirank

    def draw(left: Any, right: Any) -> None:
        from tensorflowlr import panels

        panels.tubes(left, values, ranks)
        panels.slices(right, x, made)

    low, high = int(host.min(ranks)), Y.tubal_rank
    spread = f"{low}" if low == high else f"from {low} to {high}"
    summary = f"{Y!r}\nrelative error {error:.1e}, ranks of faces {spread}"
    return Result(Y, summary, {"error": error, "multirank": ranks}, draw)


def _unfolded(x: Any, modes: tuple[int, ...]) -> Any:
    rest = [i for i in range(x.ndim) if i not in modes]
    rows = 1
    for mode in modes:
        rows *= x.shape[mode]
    return x.transpose((*modes, *rest)).reshape((rows, -1))


METHODS: dict[str, Callable[[Any, Options], Result]] = {
    "spm": _spm, "tucker": _tucker, "tree": _tree, "tubal": _tubal,
}
