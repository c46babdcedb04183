"""Real spherical harmonics: what multiplication by a direction does to angular moments.

Moments u_nk = ∫ Y_nk f dΩ up to a degree are numbered n² + n + k, k = -n … n. Y_nk is
orthonormal, without the phase (-1)^k, and goes with cos kφ for k > 0 and with sin |k|φ for
k < 0; directions are Ω = (sin θ cos φ, sin θ sin φ, cos θ).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import host
from tensorflowlr.checks import whole_number
from tensorflowlr.problems.stencils import absolute

# entries below this are round-off of the eigenvectors; the matrices have norm one
ROUND_OFF = 1e-14


def moments(degree: int) -> list[tuple[int, int]]:
    """Degree n and order k of every moment, in their order.

    Examples
    --------
    >>> from tensorflowlr.problems.harmonics import moments
    >>> moments(1)
    [(0, 0), (1, -1), (1, 0), (1, 1)]
    """
    return [(n, k) for n in range(degree + 1) for k in range(-n, n + 1)]


def streaming_matrices(degree: int) -> tuple[Any, Any]:
    """A_x and A_z: ∫ Ω_x Y_nk Y_n'k' dΩ and ∫ Ω_z Y_nk Y_n'k' dΩ for all moments to a degree.

    Both are symmetric with eigenvalues in (-1, 1), and one is the other in turned coordinates.
    Degrees n and n ± 1 couple: in A_z at equal k, in A_x where |k| differs by one and both
    orders are negative or both are not.

    Parameters
    ----------
    degree
        The highest degree, at least 0.

    Returns
    -------
    tuple of sparse matrices, each of shape ((degree + 1)², (degree + 1)²)

    Raises
    ------
    TypeError, ValueError
        If the degree is no such integer.

    Examples
    --------
    >>> from tensorflowlr.problems.harmonics import streaming_matrices
    >>> x, z = streaming_matrices(1)
    >>> (3.0**0.5 * z.toarray()[0]).round(12)
    array([0., 0., 1., 0.])
    """
    whole_number(degree, "degree", least=0)
    along_x: list[tuple[int, int, float]] = []
    along_z: list[tuple[int, int, float]] = []
    for n, k in moments(degree - 1):
        m, sign = abs(k), 1 if k >= 0 else -1
        row, centre = n * n + n + k, (n + 1) * (n + 2)
        scale = 1.0 / math.sqrt((2 * n + 1) * (2 * n + 3))
        along_z.append((row, centre + k, scale * math.sqrt((n + 1 - m) * (n + 1 + m))))
        # order 0 is normalised as two orders of both signs together
        raised = 0.5 * math.sqrt((n + m + 1) * (n + m + 2)) * (math.sqrt(2.0) if k == 0 else 1.0)
        along_x.append((row, centre + sign * (m + 1), scale * raised))
        if k not in (0, -1):
            lowered = -0.5 * math.sqrt((n - m + 1) * (n - m + 2))
            lowered *= math.sqrt(2.0) if k == 1 else 1.0
            along_x.append((row, centre + sign * (m - 1), scale * lowered))
    size = (degree + 1) ** 2
    return _symmetric(along_x, size), _symmetric(along_z, size)


def _symmetric(upper: Sequence[tuple[int, int, float]], size: int) -> Any:
    rows, columns, values = zip(*upper, strict=True) if upper else ((), (), ())
    return arrays.sparse_entries(
        rows + columns, columns + rows, host.asarray(values + values, dtype=float), (size, size)
    )


def absolute_values(degree: int) -> tuple[Any, Any]:
    """The moduli of A_x and A_z: their eigenvectors with the eigenvalues' absolute values.

    Both split into blocks that do not couple and are sparse for that: of the modulus of A_x
    about one entry in eight is not zero, of that of A_z one in three times the degree.

    Parameters
    ----------
    degree
        As for `streaming_matrices`; so are the shapes.

    Raises
    ------
    TypeError, ValueError
        As for `streaming_matrices`.

    Examples
    --------
    >>> from tensorflowlr.problems.harmonics import absolute_values
    >>> (3.0**0.5 * absolute_values(1)[1].diagonal()).round(12)
    array([1., 0., 1., 0.])
    """
    x, z = streaming_matrices(degree)
    return (
        _modulus(x, [(k < 0, (n + k) % 2) for n, k in moments(degree)]),
        _modulus(z, [k for _, k in moments(degree)]),
    )


def _modulus(matrix: Any, labels: Iterable[Any]) -> Any:
    """|A| of a symmetric sparse matrix that couples only rows of equal labels."""
    groups: dict[Any, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    rows, columns, entries = [], [], []
    for group in groups.values():
        block = absolute(arrays.sparse_to_dense(matrix[group, :][:, group]))
        i, j = host.nonzero(host.abs(block) > ROUND_OFF)
        places = host.asarray(group)
        rows.append(places[i])
        columns.append(places[j])
        entries.append(block[i, j])
    return arrays.sparse_entries(
        host.concat(rows), host.concat(columns), host.concat(entries), matrix.shape
    )
