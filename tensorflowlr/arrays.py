"""The one place that knows which array library it holds.

Everything else in the package asks this module for a namespace of the Python array API
standard, for factorisations, contractions and random numbers, and never names an array
library. Arrays decide: what comes in on one library and device goes out on the same.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import sys
import threading
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import array_api_compat
import array_api_compat.numpy as _numpy
import numpy as np

from tensorflowlr.checks import shown

Array = Any
Namespace = Any

# NumPy's namespace, for small numbers that never leave the host
host: Any = _numpy
HOST_ARRAY = np.ndarray
# what the linear algebra libraries read when they are loaded
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_NAMESPACES: dict[type, Namespace] = {np.ndarray: host}

# outside NumPy many products of few columns are several times slower than one of a copy
NARROW = 32
LARGE = 1 << 15
# up to so many entries torch's factorisations run on one thread
SMALL = 1 << 20


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

    Raises
    ------
    TypeError
        If `value` is no array of numbers: texts that look like numbers are not taken for them.
    """
    if like is None:
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError("a masked array has no numbers under its mask: fill it first")
        array = value if is_array(value) and not is_numpy(value) else _numbers(value)
        xp = namespace(array)
        if dtype is None and not xp.isdtype(array.dtype, ("real floating", "complex floating")):
            dtype = xp.float64
        return array if dtype is None else xp.astype(array, dtype, copy=False)
    xp = namespace(like)
    if type(value) is type(like) is np.ndarray or (
            is_array(value) and namespace(value) is xp and device(value) == device(like)):
        array = value
    else:
        values = _numbers(to_numpy(value))
        kind = getattr(xp, values.dtype.name, None)
        # in the library's own memory: how it is aligned decides the last bits of products
        array = xp.asarray(_plain(values, xp), dtype=kind, device=device(like), copy=True)
    if dtype is None:
        dtype = None if xp.isdtype(array.dtype, ("real floating", "complex floating")) else (
            xp.float64
        )
    return array if dtype is None else xp.astype(array, dtype, copy=False)


def _numbers(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{array.dtype} is no dtype of numbers")
    return array


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
    if type(array) is np.ndarray:
        return _spelled(array.dtype)
    return str(array.dtype).rsplit(".", 1)[-1]


@functools.cache
def _spelled(dtype: np.dtype[Any]) -> str:
    return str(dtype)


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
    return _epsilon(namespace(array), array.dtype)


@functools.lru_cache(maxsize=64)
def _epsilon(xp: Namespace, dtype: Any) -> float:
    return float(xp.finfo(dtype).eps)


def holds_numbers(array: Array) -> bool:
    """Whether an array holds numbers, and no texts or objects."""
    return type(array) is not np.ndarray or array.dtype.kind in "biufc"


def all_finite(array: Array) -> bool:
    """Whether no entry is NaN or infinite."""
    xp = namespace(array)
    return bool(xp.all(xp.isfinite(array)))


def quiet() -> Any:
    """A context in which NumPy does not warn of Inf and NaN: who made them looks for them."""
    return np.errstate(all="ignore")


def zeros(shape: Sequence[int], like: Array) -> Array:
    """Zeros with the library, device and dtype of `like`."""
    return namespace(like).zeros(tuple(shape), dtype=like.dtype, device=device(like))


def eye(rows: int, columns: int, like: Array) -> Array:
    """A rectangular identity with the library, device and dtype of `like`."""
    return namespace(like).eye(rows, columns, dtype=like.dtype, device=device(like))


def identity(size: int, like: Array) -> Array:
    """The one square identity of a size, library, device and dtype, which nobody may change."""
    return _identity(namespace(like), size, like.dtype, device(like))


@functools.lru_cache(maxsize=64)
def _identity(xp: Namespace, size: int, dtype: Any, place: Any) -> Array:
    made = xp.eye(size, dtype=dtype, device=place)
    if is_numpy(made):
        made.flags.writeable = False
    return made


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
        value, single = math.sqrt(np.vdot(flat, flat).real), array.dtype.char in "fF"
    else:
        flat, single = array, epsilon(array) > 1e-10
        with quiet():
            value = float(namespace(array).linalg.vector_norm(array))
    if (1e-15 < value < 1e15) if single else (1e-140 < value < 1e140):
        return value
    if 0 in array.shape:
        return 0.0
    # squares near the ends of the range: in units of the largest entry
    xp = namespace(flat)
    largest = float(xp.max(xp.abs(flat)))
    if not 0.0 < largest < math.inf:
        return largest
    unit = power_of_two(largest, single=single)
    return unit * float(xp.linalg.vector_norm(flat * (1.0 / unit)))


def power_of_two(number: float, *, single: bool = False) -> float:
    """The power of two near a positive number, as far as its inverse is a number too."""
    most = 120 if single else 1000
    return 2.0 ** min(max(math.frexp(number)[1], -most), most)


@contextlib.contextmanager
def _one_thread(matrix: Array) -> Iterator[None]:
    """Factorise smaller matrices of torch on one thread: threads that share a core stall.

    Torch's number of threads is global, so that only the main thread may change it.
    """
    torch = sys.modules.get("torch")
    if (torch is None or not isinstance(matrix, torch.Tensor) or matrix.is_cuda
            or matrix.numel() > SMALL
            or threading.current_thread() is not threading.main_thread()):
        yield
        return
    threads = torch.get_num_threads()
    if threads > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if threads > 1:
            torch.set_num_threads(threads)


def qr(matrix: Array) -> tuple[Array, Array]:
    """Thin QR over the last two axes; the signs of R are not normalised."""
    if type(matrix) is np.ndarray and matrix.ndim == 2:
        return _lapack_qr(matrix)
    with _one_thread(matrix):
        return namespace(matrix).linalg.qr(matrix, mode="reduced")


def triangle(matrix: Array) -> Array:
    """R of the thin QR alone."""
    if type(matrix) is np.ndarray and matrix.ndim == 2 and min(matrix.shape):
        return _packed_qr(matrix)[2]
    if type(matrix) is not np.ndarray and array_api_compat.is_torch_array(matrix):
        # Q is half the work
        with _one_thread(matrix):
            return namespace(matrix).linalg.qr(matrix, mode="r")[1]
    return qr(matrix)[1]


def svd(matrix: Array) -> tuple[Array, Array, Array]:
    """Thin SVD over the last two axes: U, descending singular values, Vᴴ."""
    if type(matrix) is np.ndarray and matrix.ndim == 2:
        return _lapack_svd(matrix)
    find = namespace(matrix).linalg.svd
    with _one_thread(matrix):
        try:
            return find(matrix, full_matrices=False)
        except RuntimeError:
            # torch's LinAlgError: repeated values can stop LAPACK, which then gets the transpose
            if not all_finite(matrix):
                raise
            u, s, vh = find(adjoint(matrix), full_matrices=False)
            return adjoint(vh), s, adjoint(u)


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


def _packed_qr(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """LAPACK's reflectors and their weights, and R."""
    least, columns = min(matrix.shape), matrix.shape[1]
    packed, weights, _, info = _lapack(_lapack_kind(matrix) + "geqrf")(matrix, lwork=32 * columns)
    if info:
        raise np.linalg.LinAlgError(f"QR failed with LAPACK's info = {info}")
    return packed, weights, packed[:least] * _upper(least, columns)


def _lapack_qr(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    least = min(matrix.shape)
    if not least:
        return np.linalg.qr(matrix)
    packed, weights, r = _packed_qr(matrix)
    kind = _lapack_kind(matrix)
    name = kind + ("orgqr" if kind in "sd" else "ungqr")
    q, _, _ = _lapack(name)(packed[:, :least], weights, lwork=32 * least, overwrite_a=1)
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
    with _one_thread(matrix):
        return namespace(matrix).linalg.eigh(matrix)


def cholesky(matrix: Array) -> tuple[Array | None, int]:
    """The lower Cholesky factor of a Hermitian matrix, or None where it is not positive definite.

    Beside it the number of leading rows that have one, as far as the library tells, else 0.
    """
    if type(matrix) is np.ndarray:
        if not matrix.size:
            return matrix, 0
        factor, info = _lapack(_lapack_kind(matrix) + "potrf")(matrix, lower=1, clean=1)
        return (factor, matrix.shape[0]) if info == 0 else (None, max(info - 1, 0))
    xp = namespace(matrix)
    if hasattr(xp.linalg, "cholesky_ex"):
        factor, info = xp.linalg.cholesky_ex(matrix)
        failed = int(info)
        return (factor, matrix.shape[0]) if failed == 0 else (None, max(failed - 1, 0))
    try:
        factor = xp.linalg.cholesky(matrix)
    except numerical_errors():
        return None, 0
    # CuPy returns NaN
    return (factor, matrix.shape[0]) if all_finite(factor) else (None, 0)


def divide(columns: Array, lower: Array) -> Array:
    """`columns` times the inverse of the adjoint of a lower triangular matrix."""
    if type(columns) is np.ndarray:
        solution, info = _lapack(_lapack_kind(lower) + "trtrs")(
            lower, columns.conj().T, lower=1)
        if info:
            raise np.linalg.LinAlgError(f"no solution: LAPACK's info = {info}")
        return conj(solution.T)
    xp = namespace(columns)
    if hasattr(xp.linalg, "solve_triangular"):
        return xp.linalg.solve_triangular(adjoint(lower), columns, upper=True, left=False)
    return adjoint(xp.linalg.solve(lower, adjoint(columns)))


def fft(array: Array, axis: int, *, real: bool = False) -> Array:
    """The discrete Fourier transform along an axis; of real data half of it, if `real`."""
    transform = namespace(array).fft
    if real:
        return transform.rfft(array, axis=axis)
    xp = namespace(array)
    if not is_complex(array):
        array = xp.astype(array, complex_dtype(array))
    return transform.fft(array, axis=axis)


def ifft(array: Array, axis: int, *, size: int | None = None) -> Array:
    """The inverse of `fft`; with the `size` of the axis, that of its real half."""
    transform = namespace(array).fft
    if size is None:
        return transform.ifft(array, axis=axis)
    return transform.irfft(array, n=size, axis=axis)


def complex_dtype(array: Array) -> Any:
    """The complex dtype of the array's precision."""
    return dtype_like("complex64" if epsilon(array) > 1e-10 else "complex128", array)


def real_part(array: Array) -> Array:
    """The real part; a real array is returned as it is."""
    return namespace(array).real(array) if is_complex(array) else array


def cosine_matrix(size: int) -> np.ndarray:
    """The orthogonal discrete cosine transform (type II) as a matrix."""
    import scipy.fft

    return scipy.fft.dct(np.eye(size), axis=0, norm="ortho")


def one_blas_thread() -> Any:
    """A context in which NumPy's linear algebra keeps to one thread."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def expm(matrix: Array) -> Array:
    """Matrix exponential by SciPy on the host; for the small matrices of single nodes."""
    import scipy.linalg

    return asarray(scipy.linalg.expm(to_numpy(matrix)), like=matrix, dtype=matrix.dtype)


def best_pairs(gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns paired for the largest sum of entries, by SciPy's Hungarian method."""
    import scipy.optimize

    return scipy.optimize.linear_sum_assignment(gains, maximize=True)


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


def contiguous(array: Array) -> Array:
    """The same entries laid out in C order, so that a copy from a file computes the same bits."""
    if type(array) is np.ndarray:
        return np.ascontiguousarray(array)
    if hasattr(array, "contiguous"):
        # axes of size one may keep odd strides, which decide how torch multiplies
        return array.contiguous().reshape((-1,)).reshape(array.shape)
    if array_api_compat.is_cupy_array(array):
        return namespace(array).ascontiguousarray(array)
    return array


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
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        if axis == 0:
            product = matrix @ reshape(tensor, (shape[0], after))
        elif (type(tensor) is not np.ndarray and after < NARROW
              and before * shape[axis] * after > LARGE):
            front = permute(reshape(tensor, (before, shape[axis], after)), (1, 0, 2))
            product = matrix @ reshape(front, (shape[axis], before * after))
            product = contiguous(permute(reshape(product, (rows, before, after)), (1, 0, 2)))
        else:
            product = matrix @ reshape(tensor, (before, shape[axis], after))
    return reshape(product, (*shape[:axis], rows, *shape[axis + 1 :]))


def pad(tensor: Array, shape: Sequence[int]) -> Array:
    """`tensor` in the leading corner of zeros of the given shape."""
    if tuple(tensor.shape) == tuple(shape):
        return tensor
    padded = zeros(shape, tensor)
    padded[tuple(slice(0, n) for n in tensor.shape)] = tensor
    return padded


# what NumPy raises on files that are not what they should be
DAMAGED = (
    ValueError, TypeError, EOFError, SyntaxError, ArithmeticError, LookupError, MemoryError,
    RecursionError, AttributeError, tokenize.TokenError, UserWarning,
)


def load_array(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of numbers in a NumPy file, read without running or believing anything.

    The file is mapped before it is copied, so that a header that claims more than the file
    holds costs no memory; objects, which would be unpickled, are refused.

    Raises
    ------
    OSError
        If the file cannot be opened.
    errors of `DAMAGED`
        If it is anything else than an array of numbers, whole and alone.
    """
    with open(path, "rb") as stream:
        head = stream.read(len(np.lib.format.MAGIC_PREFIX))
    if head != np.lib.format.MAGIC_PREFIX:
        raise ValueError("no NumPy file")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mapped = np.lib.format.open_memmap(path, mode="r")
    if mapped.dtype.kind not in "biufc":
        raise ValueError(f"its dtype {mapped.dtype} is none of numbers")
    size = os.path.getsize(path)
    if mapped.offset + mapped.nbytes != size:
        raise ValueError(f"it has {size} bytes where {mapped.offset + mapped.nbytes} were due")
    return np.array(mapped, dtype=mapped.dtype.newbyteorder("="))


def default_rng(rng: Any) -> np.random.Generator:
    """What `numpy.random.default_rng` makes of `rng`; every backend draws from it.

    Raises
    ------
    TypeError, ValueError
        Saying what `rng` was, where it is none of what NumPy takes.
    """
    try:
        if isinstance(rng, (bool, np.bool_)):
            raise TypeError("a truth value is no seed")
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(
            f"rng must be what numpy.random.default_rng takes, not {shown(rng)}: {error}"
        ) from None


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


def sparse_tridiagonal(lower: float, diagonal: float, upper: float, size: int) -> Any:
    """A SciPy sparse (CSR) tridiagonal matrix with constant bands."""
    import scipy.sparse

    return scipy.sparse.diags_array(
        [lower, diagonal, upper], offsets=[-1, 0, 1], shape=(size, size), format="csr"
    )


def is_sparse(matrix: Any) -> bool:
    """Whether `matrix` is a SciPy (or CuPy) sparse matrix or array."""
    return hasattr(matrix, "tocsr") and hasattr(matrix, "nnz")


def sparse(matrix: Array) -> Any:
    """The SciPy sparse (CSR) matrix of the entries that are not zero."""
    import scipy.sparse

    return scipy.sparse.csr_array(to_numpy(matrix))


def gauss_legendre(count: int) -> tuple[Array, Array]:
    """Points in [-1, 1] and weights of the Gauss–Legendre quadrature."""
    return np.polynomial.legendre.leggauss(count)


def sparse_rows(data: Any, indices: Any, indptr: Any, shape: tuple[int, int]) -> Any:
    """A SciPy sparse (CSR) matrix from its three arrays, checked.

    Raises
    ------
    ValueError
        If the arrays do not describe a matrix of that shape.
    """
    import scipy.sparse

    made = scipy.sparse.csr_array((data, indices, indptr), shape=shape)
    made.check_format(full_check=True)
    return made


def sparse_parts(matrix: Any) -> tuple[Any, Any, Any]:
    """The NumPy arrays ``data``, ``indices`` and ``indptr`` of a sparse matrix by rows."""
    rows = matrix.tocsr()
    return to_numpy(rows.data), to_numpy(rows.indices), to_numpy(rows.indptr)


def sparse_entries(rows: Any, columns: Any, values: Any, shape: tuple[int, int]) -> Any:
    """A SciPy sparse (CSR) matrix from the places and values of its entries."""
    import scipy.sparse

    return scipy.sparse.csr_array((values, (rows, columns)), shape=shape)


def sparse_kron(first: Any, second: Any) -> Any:
    """The Kronecker product of two sparse matrices, sparse (CSR)."""
    import scipy.sparse

    return scipy.sparse.kron(first, second, format="csr")


def sparse_stack(matrices: Sequence[Any], axis: int) -> Any:
    """Sparse matrices one below the other (axis 0) or side by side (axis 1), sparse (CSR)."""
    import scipy.sparse

    join = scipy.sparse.hstack if axis else scipy.sparse.vstack
    return join(matrices, format="csr")


def sparse_diagonal(diagonal: Array) -> Any:
    """A SciPy sparse matrix with the given diagonal."""
    import scipy.sparse

    return scipy.sparse.diags_array(to_numpy(diagonal), format="csr")


def sparse_to_dense(matrix: Any) -> Array:
    """The dense array of a SciPy or CuPy sparse matrix, on the matrix's own device."""
    return matrix.toarray()


def sparse_like(matrix: Any, like: Array) -> Any:
    """A sparse matrix where an array is, in its dtype; dense where no sparse product exists."""
    if is_numpy(like):
        return (matrix.get() if hasattr(matrix, "get") else matrix).astype(dtype_name(like))
    if array_api_compat.is_cupy_array(like):
        import cupyx.scipy.sparse

        return cupyx.scipy.sparse.csr_matrix(matrix).astype(dtype_name(like))
    return asarray(sparse_to_dense(matrix), like=like, dtype=like.dtype)


def sparse_finite(matrix: Any) -> bool:
    """Whether the stored entries of a sparse matrix are all finite."""
    return all_finite(matrix.tocsr().data)


def block_sizes(size: int) -> list[int]:
    """What an axis of a block-diagonal matrix has in every block; other axes are one block."""
    return size.sizes() if hasattr(size, "sizes") else [size]


def library(array: Array) -> str:
    """The name of the library an array lives in: ``"numpy"``, ``"torch"`` and so on."""
    # matrices of blocks say where their blocks are
    own = getattr(array, "library", None)
    if isinstance(own, str):
        return own
    return namespace(array).__name__.removeprefix("array_api_compat.").partition(".")[0]


def blas_threads() -> int:
    """The number of threads that NumPy's linear algebra may use."""
    from threadpoolctl import threadpool_info

    return max((pool["num_threads"] for pool in threadpool_info()
                if pool["user_api"] == "blas"), default=1)


@contextlib.contextmanager
def limited_blas_threads(threads: int) -> Iterator[None]:
    """At most so many threads for the linear algebra loaded so far, loaded later or in children."""
    from threadpoolctl import threadpool_limits

    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        with threadpool_limits(threads):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def numerical_errors() -> tuple[type[Exception], ...]:
    """What overflowing flows and factorisations without convergence raise, on any library."""
    found: list[type[Exception]] = [FloatingPointError, OverflowError, np.linalg.LinAlgError]
    for xp in set(_NAMESPACES.values()):
        error = getattr(getattr(xp, "linalg", None), "LinAlgError", None)
        if isinstance(error, type) and error not in found:
            found.append(error)
    return tuple(found)


def integers(values: Any, like: Array | None = None) -> Array:
    """Whole numbers for indexing, on the library and device of `like`."""
    found = np.asarray(values, dtype=np.int64)
    if like is None or type(like) is np.ndarray:
        return found
    xp = namespace(like)
    return xp.asarray(_plain(found, xp), dtype=xp.int64, device=device(like))


def take(array: Array, indices: Array, axis: int = 0) -> Array:
    """Entries along one axis by their numbers, which may have any shape."""
    if type(array) is np.ndarray:
        return array.take(indices, axis)
    xp = namespace(array)
    picked = xp.take(array, xp.reshape(indices, (-1,)), axis=axis)
    return xp.reshape(picked, (*array.shape[:axis], *indices.shape, *array.shape[axis + 1 :]))


def single(array: Array) -> Array:
    """The array in single precision, real or complex as it is."""
    xp = namespace(array)
    return xp.astype(array, xp.complex64 if is_complex(array) else xp.float32)


def solve(matrices: Array, columns: Array) -> Array:
    """Solutions of linear systems, over the last two axes."""
    return namespace(matrices).linalg.solve(matrices, columns)


def rotate_out(basis: Array, directions: Array) -> Array:
    """`basis` (n, r) times an orthonormal basis of what is orthogonal to `directions` (r, k).

    The Householder reflections of a QR factorisation of `directions`, applied from the right;
    the columns that belong to the directions are left out. NumPy's memory is reused.
    """
    count = directions.shape[1]
    if type(basis) is np.ndarray and basis.flags.c_contiguous and basis.flags.writeable:
        packed, weights, _ = _packed_qr(directions)
        kind = _lapack_kind(basis)
        name, turn = (kind + "ormqr", "T") if kind in "sd" else (kind + "unmqr", "")
        if turn:
            turned, _, info = _lapack(name)("L", turn, packed, weights, basis.T,
                                            max(1, 32 * basis.shape[0]), overwrite_c=1)
            if not info:
                return np.ascontiguousarray(turned[count:].T)
    full, _ = namespace(directions).linalg.qr(directions, mode="complete")
    return basis @ full[:, count:]
