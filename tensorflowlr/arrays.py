"""The one place that knows which array library it holds.

Everything else in the package asks this module for a namespace of the Python array API
standard, for factorisations, contractions and random numbers, and never names an array
library. Arrays decide: what comes in on one library and device goes out on the same.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import array_api_compat
import array_api_compat.numpy as _numpy
import numpy as np
import opt_einsum

Array = Any
Namespace = Any

# NumPy's namespace, for small numbers that never leave the host
host: Any = _numpy

_NAMESPACES: dict[type, Namespace] = {np.ndarray: host}


def namespace(array: Array) -> Namespace:
    """The array API namespace of an array, remembered by the array's type.

    Raises
    ------
    TypeError
        If `array` is not an array of a library that follows the array API standard.

    Examples
    --------
    >>> from tensorflowlr.arrays import host, namespace
    >>> namespace(host.ones((2, 2))) is host
    True
    """
    kind = type(array)
    found = _NAMESPACES.get(kind)
    if found is None:
        found = _NAMESPACES[kind] = array_api_compat.array_namespace(array)
    return found


def is_array(value: Any) -> bool:
    """Whether `value` is an array of any supported library."""
    return type(value) in _NAMESPACES or array_api_compat.is_array_api_obj(value)


def is_numpy(value: Any) -> bool:
    """Whether `value` lives in NumPy, so that host-only routines may use it as it is."""
    return isinstance(value, np.ndarray)


def device(array: Array) -> Any:
    """The device an array lives on."""
    return array_api_compat.device(array)


def check_together(arrays: Iterable[Array], what: str) -> Namespace:
    """Refuse arrays of different libraries or devices; return their namespace.

    Raises
    ------
    TypeError
        Naming `what` and the libraries or devices that were mixed.
    """
    arrays = list(arrays)
    spaces = {namespace(a).__name__: namespace(a) for a in arrays}
    if len(spaces) > 1:
        raise TypeError(
            f"{what}: arrays of different libraries were mixed ({', '.join(sorted(spaces))}); "
            "move them to one with .to(like=...)"
        )
    devices = {str(device(a)) for a in arrays}
    if len(devices) > 1:
        raise TypeError(
            f"{what}: arrays on different devices were mixed ({', '.join(sorted(devices))}); "
            "move them to one with .to(like=...)"
        )
    return next(iter(spaces.values()))


def asarray(value: Any, *, like: Array | None = None, dtype: Any = None) -> Array:
    """`value` as a floating-point array, on the library and device of `like` where it is given.

    Integers and booleans become double precision. Host values (lists, NumPy arrays) move to
    the library of `like`; arrays that already live elsewhere move only through the host.
    """
    if like is None:
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError("a masked array has no numbers under its mask: fill it first")
        known = is_array(value) and (type(value) is np.ndarray or not is_numpy(value))
        array = value if known else np.asarray(value)
        xp = namespace(array)
        if dtype is None and not xp.isdtype(array.dtype, ("real floating", "complex floating")):
            dtype = xp.float64
        return array if dtype is None else xp.astype(array, dtype, copy=False)
    xp = namespace(like)
    if is_array(value) and namespace(value) is xp and device(value) == device(like):
        array = value
    else:
        values = to_numpy(value)
        kind = getattr(xp, values.dtype.name, None)
        array = xp.asarray(_plain(values, xp), dtype=kind, device=device(like))
    if dtype is None:
        dtype = None if xp.isdtype(array.dtype, ("real floating", "complex floating")) else (
            xp.float64
        )
    return array if dtype is None else xp.astype(array, dtype, copy=False)


def _plain(array: np.ndarray, xp: Namespace) -> Any:
    # array-api-strict takes no NumPy arrays on its second device; nested lists work anywhere
    if xp is host or "torch" in xp.__name__ or "cupy" in xp.__name__:
        # torch warns of read-only memory, whatever is done with it
        return np.require(array, requirements=["C", "W"] if "torch" in xp.__name__ else ["C"])
    return array.tolist() if array.size else array


def to_numpy(array: Any) -> np.ndarray:
    """A NumPy copy or view of any array; the only way data leaves a device."""
    if isinstance(array, np.ndarray):
        return array
    if not is_array(array):
        return np.asarray(array)
    if array_api_compat.is_cupy_array(array):
        return array.get()
    if array_api_compat.is_torch_array(array):
        return array.detach().cpu().resolve_conj().numpy()
    return np.asarray(array_api_compat.to_device(array, "cpu") if not hasattr(
        array, "_array") else array._array)


def dtype_name(array: Array) -> str:
    """The dtype as NumPy spells it: ``"float64"``, ``"complex64"`` and so on."""
    return str(array.dtype).rsplit(".", 1)[-1]


def dtype_like(name: Any, like: Array) -> Any:
    """The dtype called `name` (a name, a Python or a NumPy type) in the library of `like`."""
    return getattr(namespace(like), np.dtype(name).name if not isinstance(name, str) else name)


def result_dtype(*values: Any) -> Any:
    """The dtype that holds all `values` (arrays of one library and Python scalars)."""
    arrays = [v for v in values if is_array(v)]
    xp = namespace(arrays[0])
    kind = arrays[0].dtype
    for array in arrays[1:]:
        kind = xp.result_type(kind, array.dtype)
    if any(isinstance(v, complex) for v in values):
        single = kind in (xp.float32, xp.complex64)
        kind = xp.result_type(kind, xp.complex64 if single else xp.complex128)
    return kind


def is_complex(array: Array) -> bool:
    """Whether an array holds complex numbers."""
    if type(array) is np.ndarray:
        return array.dtype.kind == "c"
    return bool(namespace(array).isdtype(array.dtype, "complex floating"))


def epsilon(array: Array) -> float:
    """Machine epsilon of the array's dtype."""
    if type(array) is np.ndarray:
        return 1.1920929e-07 if array.dtype.itemsize in (4,) or array.dtype == np.complex64 else (
            2.220446049250313e-16)
    return float(namespace(array).finfo(array.dtype).eps)


def all_finite(array: Array) -> bool:
    """Whether no entry is NaN or infinite."""
    xp = namespace(array)
    return bool(xp.all(xp.isfinite(array)))


def zeros(shape: Sequence[int], like: Array) -> Array:
    """Zeros with the library, device and dtype of `like`."""
    return namespace(like).zeros(tuple(shape), dtype=like.dtype, device=device(like))


def eye(rows: int, columns: int, like: Array) -> Array:
    """A rectangular identity with the library, device and dtype of `like`."""
    return namespace(like).eye(rows, columns, dtype=like.dtype, device=device(like))


def adjoint(matrix: Array) -> Array:
    """The conjugate transpose over the last two axes."""
    return conj(matrix.mT)


def conj(array: Array) -> Array:
    """The complex conjugate; a real array is returned as it is."""
    if type(array) is np.ndarray:
        return array.conj() if array.dtype.kind == "c" else array
    xp = namespace(array)
    return xp.conj(array) if xp.isdtype(array.dtype, "complex floating") else array


def norm(array: Array) -> float:
    """The 2-norm of all entries, as a Python float."""
    if type(array) is np.ndarray:
        flat = array.reshape(-1)
        value = math.sqrt(np.vdot(flat, flat).real)
        if 1e-140 < value < 1e140 or not flat.size:
            return value
        # squares near the ends of the range: in units of the largest entry
        largest = float(np.max(np.abs(flat)))
        if not 0.0 < largest < math.inf:
            return largest
        return largest * float(np.linalg.norm(flat / largest))
    return float(namespace(array).linalg.vector_norm(array))


def qr(matrix: Array) -> tuple[Array, Array]:
    """Thin QR over the last two axes; the signs of R are not normalised."""
    if type(matrix) is np.ndarray and matrix.ndim == 2:
        return _lapack_qr(matrix)
    return namespace(matrix).linalg.qr(matrix, mode="reduced")


def triangle(matrix: Array) -> Array:
    """R of the thin QR alone."""
    if type(matrix) is np.ndarray and matrix.ndim == 2 and min(matrix.shape):
        packed, _, _, info = _lapack(_lapack_kind(matrix) + "geqrf")(
            matrix, lwork=32 * matrix.shape[1])
        if info:
            raise np.linalg.LinAlgError(f"QR failed with LAPACK's info = {info}")
        least = min(matrix.shape)
        return packed[:least] * _upper(least, matrix.shape[1])
    return qr(matrix)[1]


def svd(matrix: Array) -> tuple[Array, Array, Array]:
    """Thin SVD over the last two axes: U, descending singular values, Vᴴ."""
    if type(matrix) is np.ndarray and matrix.ndim == 2:
        return _lapack_svd(matrix)
    return namespace(matrix).linalg.svd(matrix, full_matrices=False)


@functools.cache
def _lapack(name: str) -> Any:
    # SciPy's wrappers cost a third of NumPy's on the small matrices of a tree
    import scipy.linalg.lapack

    return getattr(scipy.linalg.lapack, name)


@functools.cache
def _upper(rows: int, columns: int) -> np.ndarray:
    return np.tri(columns, rows, dtype=bool).T


def _lapack_kind(matrix: np.ndarray) -> str:
    return {"f": "s", "d": "d", "F": "c", "D": "z"}[matrix.dtype.char]


def _lapack_qr(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = matrix.shape
    least = min(rows, columns)
    if not least:
        return np.linalg.qr(matrix)
    kind = _lapack_kind(matrix)
    packed, tau, _, info = _lapack(kind + "geqrf")(matrix, lwork=32 * columns)
    if info:
        raise np.linalg.LinAlgError(f"QR failed with LAPACK's info = {info}")
    r = packed[:least] * _upper(least, columns)
    name = kind + ("orgqr" if kind in "sd" else "ungqr")
    q, _, info = _lapack(name)(packed[:, :least], tau, lwork=32 * least, overwrite_a=1)
    return q, r


def _lapack_svd(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not min(matrix.shape):
        return np.linalg.svd(matrix, full_matrices=False)
    kind = _lapack_kind(matrix)
    # C order goes in and comes out without copies as the transposed view
    left, values, right, info = _lapack(kind + "gesdd")(matrix.T, full_matrices=0)
    if info:
        raise np.linalg.LinAlgError(f"SVD did not converge (LAPACK's info = {info})")
    return right.T, values, left.T


def eigh(matrix: Array) -> tuple[Array, Array]:
    """Ascending eigenvalues and eigenvectors of Hermitian matrices over the last two axes."""
    return namespace(matrix).linalg.eigh(matrix)


def expm(matrix: Array) -> Array:
    """Matrix exponential by SciPy on the host; for the small matrices of single nodes."""
    import scipy.linalg

    return asarray(scipy.linalg.expm(to_numpy(matrix)), like=matrix, dtype=matrix.dtype)


def reshape(array: Array, shape: tuple[int, ...]) -> Array:
    """The same entries, in C order, in another shape."""
    if type(array) is np.ndarray:
        return array.reshape(shape)
    return namespace(array).reshape(array, shape)


def permute(array: Array, axes: tuple[int, ...]) -> Array:
    """The axes in another order."""
    if type(array) is np.ndarray:
        return array.transpose(axes)
    return namespace(array).permute_dims(array, axes)


def unfold(tensor: Array, axis: int) -> Array:
    """The matricisation with `axis` in the columns and all other axes, in order, in the rows."""
    last = tensor.ndim - 1
    if axis != last:
        tensor = permute(tensor, (*range(axis), *range(axis + 1, last + 1), axis))
    return reshape(tensor, (math.prod(tensor.shape[:-1]), tensor.shape[-1]))


def fold(matrix: Array, shape: Sequence[int], axis: int) -> Array:
    """Undo `unfold`: the tensor whose other axes are `shape` without its entry at `axis`."""
    last = len(shape) - 1
    tensor = reshape(matrix, (*shape[:axis], *shape[axis + 1 :], matrix.shape[-1]))
    if axis == last:
        return tensor
    return permute(tensor, (*range(axis), last, *range(axis, last)))


def multiply(tensor: Array, matrix: Array, axis: int) -> Array:
    """The mode product: `matrix` (rows, tensor.shape[axis]) applied along `axis`."""
    shape, rows = tensor.shape, matrix.shape[0]
    if axis == tensor.ndim - 1:
        product = reshape(tensor, (math.prod(shape[:-1]), shape[-1])) @ matrix.mT
    else:
        after = math.prod(shape[axis + 1 :])
        lead = (shape[axis], after) if axis == 0 else (
            math.prod(shape[:axis]), shape[axis], after)
        product = matrix @ reshape(tensor, lead)
    return reshape(product, (*shape[:axis], rows, *shape[axis + 1 :]))


def pad(tensor: Array, shape: Sequence[int]) -> Array:
    """`tensor` in the leading corner of zeros of the given shape."""
    if tuple(tensor.shape) == tuple(shape):
        return tensor
    padded = zeros(shape, tensor)
    padded[tuple(slice(0, n) for n in tensor.shape)] = tensor
    return padded


def default_rng(rng: Any) -> np.random.Generator:
    """What `numpy.random.default_rng` makes of `rng`; every backend draws from it."""
    return np.random.default_rng(rng)


FLOATING = ("float32", "float64", "complex64", "complex128")


def floating_name(dtype: Any) -> str:
    """The name of a single or double precision dtype, given in any library's way.

    Raises
    ------
    TypeError
        If `dtype` is none of `FLOATING`.
    """
    if dtype is float or dtype is complex:
        return "float64" if dtype is float else "complex128"
    name = getattr(dtype, "__name__", None) or str(dtype).rsplit(".", 1)[-1]
    if name not in FLOATING:
        raise TypeError(f"dtype must be float, complex or one of {FLOATING}, not {dtype!r}")
    return name


def normal(rng: np.random.Generator, shape: Sequence[int], dtype: Any, like: Any = None) -> Array:
    """Standard normal numbers (complex ones with unit variance), drawn on the host and moved."""
    name = floating_name(dtype)
    draw = rng.standard_normal(tuple(shape))
    if name.startswith("complex"):
        draw = (draw + 1j * rng.standard_normal(tuple(shape))) / np.sqrt(2.0)
    draw = draw.astype(name)
    return draw if like is None else asarray(draw, like=like, dtype=dtype_like(name, like))


class Plan:
    """A contraction order bound to an equation: which pairs, with which axes.

    The order comes from opt_einsum; running it takes permutations, reshapes and batched
    matrix products alone, so that it works on every array library, batches included.
    """

    def __init__(self, equation: str, shapes: tuple[tuple[int, ...], ...]) -> None:
        inputs, output = equation.split("->")
        labels = inputs.split(",")
        sizes = {c: n for term, shape in zip(labels, shapes, strict=True)
                 for c, n in zip(term, shape, strict=True)}
        self.steps: list[tuple[int, int, _Pair]] = []
        for i, j in _order(equation, tuple(
            tuple(_bucket(n) for n in shape) for shape in shapes
        )):
            right, left = labels.pop(max(i, j)), labels.pop(min(i, j))
            rest = set("".join(labels)) | set(output)
            pair = _Pair(left, right, rest, output if not labels else None, sizes)
            self.steps.append((min(i, j), max(i, j), pair))
            labels.append(pair.labels)
        final = labels[0]
        self.order = None if final == output else tuple(final.index(c) for c in output)

    def __call__(self, *arrays: Array) -> Array:
        """Contract arrays of the planned shapes."""
        xp = namespace(arrays[0])
        stack = list(arrays)
        for i, j, pair in self.steps:
            right, left = stack.pop(j), stack.pop(i)
            stack.append(pair(xp, left, right))
        return stack[0] if self.order is None else permute(stack[0], self.order)


    def bind(self, *constants: Array) -> Callable[[Array], Array]:
        """A function of the first operand, all steps among the others done once."""
        known: list[Array | None] = [None, *constants]
        rest: list[tuple[Array | None, Array | None, _Pair]] = []
        xp = namespace(constants[0])
        for i, j, pair in self.steps:
            right, left = known.pop(j), known.pop(i)
            if left is None or right is None:
                rest.append((left, right, pair))
                known.append(None)
            else:
                known.append(pair(xp, left, right))
        order = self.order

        def apply(x: Array) -> Array:
            for left, right, pair in rest:
                x = pair(xp, x if left is None else left, x if right is None else right)
            return x if order is None else permute(x, order)

        return apply


class _Pair:
    """One pairwise contraction as permute, reshape, matrix product, reshape."""

    def __init__(
        self, left: str, right: str, rest: set[str], output: str | None, sizes: dict[str, int]
    ) -> None:
        batch = [c for c in left if c in right and c in rest]
        summed = [c for c in left if c in right and c not in rest]
        rows = [c for c in left if c not in right]
        columns = [c for c in right if c not in left]
        if output is not None and columns and output.index(columns[0]) < min(
            (output.index(c) for c in rows), default=len(output)
        ):
            # the product comes out in the wanted order when the operands change places
            self.swap, left, right, rows, columns = True, right, left, columns, rows
        else:
            self.swap = False

        def count(names: list[str]) -> int:
            return functools.reduce(lambda n, c: n * sizes[c], names, 1)

        def order(term: str, wanted: list[str]) -> tuple[int, ...] | None:
            axes = tuple(term.index(c) for c in wanted)
            return None if axes == tuple(range(len(axes))) else axes

        lead = (count(batch),) if batch else ()
        self.left_order = order(left, batch + rows + summed)
        self.right_order = order(right, batch + summed + columns)
        self.left_shape = (*lead, count(rows), count(summed))
        self.right_shape = (*lead, count(summed), count(columns))
        self.shape = tuple(sizes[c] for c in batch + rows + columns)
        self.labels = "".join(batch + rows + columns)

    def __call__(self, xp: Namespace, left: Array, right: Array) -> Array:
        if self.swap:
            left, right = right, left
        if type(left) is np.ndarray:
            if self.left_order is not None:
                left = left.transpose(self.left_order)
            if self.right_order is not None:
                right = right.transpose(self.right_order)
            product = left.reshape(self.left_shape) @ right.reshape(self.right_shape)
            return product.reshape(self.shape)
        if self.left_order is not None:
            left = xp.permute_dims(left, self.left_order)
        if self.right_order is not None:
            right = xp.permute_dims(right, self.right_order)
        product = xp.reshape(left, self.left_shape) @ xp.reshape(right, self.right_shape)
        return xp.reshape(product, self.shape)


def _bucket(size: int) -> int:
    # sizes change by one as ranks adapt; the best order does not, so near sizes share a plan
    return 1 << (size - 1).bit_length() if size else 0


@functools.lru_cache(maxsize=4096)
def _order(equation: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, int], ...]:
    if len(shapes) == 1:
        return ()
    path, _ = opt_einsum.contract_path(equation, *shapes, shapes=True, optimize="auto")
    pairs: list[tuple[int, int]] = []
    for step in path:
        count = len(step)
        if count == 2:
            pairs.append((step[0], step[1]))
    return tuple(pairs)


@functools.lru_cache(maxsize=16384)
def plan(equation: str, *shapes: tuple[int, ...]) -> Plan:
    """The cached contraction plan of an einsum equation for the given shapes.

    Every label occurs at most once in a term, and each label of a single term is in the
    output: no traces, no sums over one operand.
    """
    return Plan(equation, shapes)


def contract(equation: str, *arrays: Array) -> Array:
    """Contract arrays of one library and dtype by an einsum equation.

    Examples
    --------
    >>> from tensorflowlr.arrays import contract, host
    >>> contract("ab,bc->ac", host.eye(2), host.ones((2, 1))).shape
    (2, 1)
    """
    return plan(equation, *(tuple(a.shape) for a in arrays))(*arrays)


def sparse_tridiagonal(lower: float, diagonal: float, upper: float, size: int) -> Any:
    """A SciPy sparse (CSR) tridiagonal matrix with constant bands."""
    import scipy.sparse

    return scipy.sparse.diags_array(
        [lower, diagonal, upper], offsets=[-1, 0, 1], shape=(size, size), format="csr"
    )


def is_sparse(matrix: Any) -> bool:
    """Whether `matrix` is a SciPy (or CuPy) sparse matrix or array."""
    return hasattr(matrix, "tocsr") and hasattr(matrix, "nnz")


def sparse_diagonal(diagonal: Array) -> Any:
    """A SciPy sparse matrix with the given diagonal."""
    import scipy.sparse

    return scipy.sparse.diags_array(to_numpy(diagonal), format="csr")


def sparse_to_dense(matrix: Any) -> Array:
    """The dense array of a SciPy or CuPy sparse matrix, on the matrix's own device."""
    return matrix.toarray()


def sparse_finite(matrix: Any) -> bool:
    """Whether the stored entries of a sparse matrix are all finite."""
    return all_finite(matrix.tocsr().data)


def numerical_errors() -> tuple[type[Exception], ...]:
    """What overflowing flows and factorisations without convergence raise, on any library."""
    found: list[type[Exception]] = [FloatingPointError, np.linalg.LinAlgError]
    for xp in set(_NAMESPACES.values()):
        error = getattr(getattr(xp, "linalg", None), "LinAlgError", None)
        if isinstance(error, type) and error not in found:
            found.append(error)
    return tuple(found)
