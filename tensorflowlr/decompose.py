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
from tensorflowlr.checks import checked_path, shown
from tensorflowlr.decompositions import MomentTensor, hooi, subspace_power_method
from tensorflowlr.io import read_array, write_object, writing
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
    """The array in a ``.npy``, ``.csv`` or ``.parquet`` file, or the moments of its rows.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is damaged, of another kind, or holds something else than numbers.
    ImportError
        If reading Parquet needs pyarrow, which is not there.
    """
    path = checked_path(path)
    readers = {".npy": read_array, ".csv": read_csv, ".parquet": read_parquet}
    if path.suffix.lower() not in readers:
        raise ValueError(f"{path}: must end in {', '.join(readers)}")
    array = readers[path.suffix.lower()](path)
    return array if moments is None else MomentTensor(array, moments)


def read_csv(path: Path) -> arrays.Array:
    """A table of numbers, separated by commas, perhaps below one line of names.

    Raises
    ------
    ValueError
        If it is none.
    OSError
        If it cannot be opened.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            lines = [line.strip() for line in stream if line.strip()]
        rows = [line.split(",") for line in lines]
        try:
            first = [float(cell) for cell in rows[0]]
        except ValueError:
            rows = rows[1:]
            first = [float(cell) for cell in rows[0]]
        table = [first, *([float(cell) for cell in row] for row in rows[1:])]
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path}: no table of numbers: {error}") from None
    lengths = {len(row) for row in table}
    if len(lengths) > 1:
        raise ValueError(f"{path}: rows of {min(lengths)} and of {max(lengths)} numbers")
    return host.asarray(table)


def read_parquet(path: Path) -> arrays.Array:
    """The columns of numbers of a Parquet file.

    Raises
    ------
    ValueError
        If it is damaged, or a column holds something else than numbers, all there.
    ImportError
        If pyarrow is missing.
    OSError
        If it cannot be opened.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("Parquet files need pyarrow: pip install 'tensorflowlr[data]'") from error
    with open(path, "rb") as stream:
        try:
            table = pyarrow.parquet.read_table(stream)
            columns = [column.to_numpy() for column in table.columns]
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise ValueError(f"{path}: no readable Parquet file: {error}") from None
    for name, column in zip(table.column_names, columns, strict=True):
        if column.dtype.kind not in "iuf":
            raise ValueError(f"{path}: column {name!r} holds {column.dtype}, no numbers")
    if not columns:
        raise ValueError(f"{path}: no columns")
    return host.stack([column.astype(float) for column in columns], axis=1)


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
