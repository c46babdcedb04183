"""Sums of products compiled into one tree operator with small bonds.

The construction is the nested low-rank one of hierarchically semiseparable matrices (Ceruti,
Kressner, Sulz, arXiv 2405.09952) for sums of products of any number of factors. Seen from
below an edge, a term has no factor yet ("identity"), all of them ("finished") or some
("open"). One slot carries the identity, one the sum of the finished terms; the open parts are
the rows of a matrix of coefficients whose columns are the ways to complete them, and its
leading left singular vectors, in the coordinates of the children's slots, are the others.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host
from tensorflowlr.checks import is_whole, shown
from tensorflowlr.operators import leaf
from tensorflowlr.tensors import algebra, construct
from tensorflowlr.trees import Tree
from tensorflowlr.truncation import Truncation

# a term as it is compiled: coefficient and (mode, label) pairs
Key = tuple[tuple[int, int], ...]
Term = tuple[complex, Key]


def unit_of(largest: float) -> float:
    """A power of two near an extreme number, whose square would vanish or overflow; else one."""
    ordinary = 1e-100 < largest < 1e100 or largest == 0.0
    return 1.0 if ordinary else arrays.power_of_two(largest)


@dataclass
class _Labels:
    """The distinct matrices of one mode, of unit Frobenius norm."""

    matrices: list[Any] = field(default_factory=list)
    hosts: list[Any] = field(default_factory=list)

    def find(self, matrix: Any) -> tuple[int, complex]:
        """The label and the factor with which it gives `matrix`; -1 is the identity."""
        given = leaf.on_host(matrix)
        size = given.shape[0]
        unit = unit_of(float(abs(given).max()))
        if unit != 1.0:
            label, factor = self.find(leaf.scale(matrix, 1.0 / unit))
            return label, factor * unit
        length = abs(leaf.frobenius(given, given)) ** 0.5
        if length == 0.0:
            return -1, 0.0
        trace = leaf.frobenius(host.ones(size), given)
        if abs(abs(trace) - length * size**0.5) <= 1e-14 * abs(trace):
            return -1, trace / size
        for label, known in enumerate(self.hosts):
            factor = leaf.frobenius(known, given)
            if abs(abs(factor) - length) <= 1e-14 * length:
                return label, factor
        # a power of two near the norm keeps given entries exact
        unit = 2.0 ** host.round(host.log2(length))
        scaled = leaf.scale(matrix, 1.0 / unit)
        known = leaf.on_host(leaf.scale(matrix, 1.0 / length))
        self.matrices.append((scaled, unit / length))
        self.hosts.append(known)
        return len(self.hosts) - 1, length


@dataclass
class _Node:
    """What an edge offers its parent: slots, and the open vector of every open key."""

    identity: int = -1
    finished: int = -1
    first_open: int = 0
    size: int = 0
    vectors: dict[Key, Array] = field(default_factory=dict)

    def unit(self, slot: int) -> Array:
        vector = host.zeros(self.size)
        vector[slot] = 1.0
        return vector

    def of(self, key: Key) -> Array:
        """The slot coordinates of the part of a term below this edge."""
        if not key:
            return self.unit(self.identity)
        vector = host.zeros(self.size, dtype=complex)
        vector[self.first_open :] = self.vectors[key]
        return vector


def checked_terms(
    terms: Any, tree: Tree, shape: Sequence[int]
) -> tuple[list[Term], list[_Labels]]:
    """The terms with their matrices interned, equal products added up."""
    labels = [_Labels() for _ in range(tree.modes)]
    merged: dict[Key, complex] = {}
    given = []
    for number, term in enumerate(construct.checked_list(terms, "terms")):
        try:
            coefficient, factors = term
        except (TypeError, ValueError):
            raise ValueError(
                f"terms[{number}] must be (coefficient, {{mode: matrix}}), not {shown(term)}"
            ) from None
        if not isinstance(factors, Mapping):
            raise TypeError(f"terms[{number}][1] must map modes to matrices, not {shown(factors)}")
        value = algebra.checked_scalar(coefficient, f"terms[{number}][0]")
        if value is None:
            raise TypeError(f"terms[{number}][0] must be a number, not {shown(coefficient)}")
        key = []
        for mode in factors:
            if not is_whole(mode) or not 0 <= mode < tree.modes:
                raise ValueError(
                    f"terms[{number}]: a mode must be in 0 … {tree.modes - 1}, not {shown(mode)}"
                )
        for mode in sorted(factors):
            name = f"terms[{number}][1][{mode}]"
            matrix = leaf.checked_matrix(factors[mode], shape[mode], name)
            if not arrays.is_sparse(matrix):
                given.append(matrix)
            label, factor = labels[mode].find(matrix)
            value *= factor
            if label >= 0:
                key.append((int(mode), label))
        merged[tuple(key)] = merged.get(tuple(key), 0.0) + value
        if not cmath.isfinite(merged[tuple(key)]):
            raise ValueError(f"terms[{number}] must be finite, but its product overflows")
    if given:
        arrays.check_together(given, "terms")
    return [(c, key) for key, c in merged.items()], labels


def compile_terms(
    terms: Any, tree: Tree, shape: Sequence[int], rule: Truncation
) -> tuple[list[list[Any]], list[Array]]:
    """Leaf matrices per mode and the coefficient cores of the inner nodes, on the host."""
    compiled, labels = checked_terms(terms, tree, shape)
    # extreme coefficients go into the root as one power of two
    unit = unit_of(max(max(abs(c.real), abs(c.imag)) for c, _ in compiled))
    if unit != 1.0:
        compiled = [(c / unit, key) for c, key in compiled]
        rule = replace(rule, atol=min(rule.atol / unit, 1e300))
    nodes: list[_Node] = []
    leaves: list[list[Any]] = []
    cores: list[Array] = []
    # per node, the parts below it of the terms that end at or above it
    inside: list[dict[int, Key]] = [{} for _ in tree.nodes]
    ended = [0] * len(tree.nodes)
    for number, (_, key) in enumerate(compiled):
        for factor in key:
            inside[factor[0]][number] = (factor,)
    for node in tree.nodes:
        below = tree.children[node]
        for child in below:
            ended[node] += ended[child]
            for number, part in inside[child].items():
                if len(part) == len(compiled[number][1]):
                    ended[node] += 1
                else:
                    inside[node][number] = inside[node].get(number, ()) + part
        children = [nodes[c] for c in below]
        if node == tree.root:
            cores.append(_root(compiled, inside, tree, children))
            break
        open_terms: list[tuple[complex, Key, Key]] = []
        done: list[int] = []
        for number, part in inside[node].items():
            coefficient, key = compiled[number]
            if len(part) == len(key):
                done.append(number)
            else:
                rest = tuple(f for f in key if f not in part)
                open_terms.append((coefficient, part, rest))
        made = _Node()
        columns: list[Array] = []
        if children:
            dims = tuple(c.size for c in children)
            pieces = {
                part: [inside[c].get(number, ()) for c in below]
                for number, part in inside[node].items()
            }
            parts = {
                part: _kron([c.of(p) for c, p in zip(children, pieces[part], strict=True)])
                for _, part, _ in open_terms
            }
        else:
            dims = (len(labels[node].hosts),)
            parts = {((node, p),): host.eye(dims[0])[p] for p in range(dims[0])}
        if len(compiled) > len(inside[node]) + ended[node]:
            made.identity = len(columns)
            columns.append(
                _kron([c.unit(c.identity) for c in children]) if children else host.zeros(dims)
            )
        if done or ended[node]:
            made.finished = len(columns)
            columns.append(_finished(done, compiled, inside, node, tree, children, parts))
        made.first_open = len(columns)
        basis = _open_basis(open_terms, parts, dims, rule)
        columns.extend(basis.T)
        made.size = len(columns)
        for _, part, _ in open_terms:
            made.vectors[part] = host.conj(basis.T) @ parts[part]
        nodes.append(made)
        stacked = host.stack(columns, axis=-1)
        if children:
            cores.append(host.reshape(stacked, (*dims, made.size)))
        else:
            leaves.append(_leaf_matrices(stacked, labels[node], made.identity, shape[node]))
    cores[-1] = cores[-1] * unit
    return leaves, [_real_if_possible(c) for c in cores]


def _kron(vectors: Sequence[Array]) -> Array:
    result = vectors[0]
    for vector in vectors[1:]:
        result = host.kron(result, vector)
    return result


def _finished(
    done: Sequence[int],
    compiled: Sequence[Term],
    inside: Sequence[dict[int, Key]],
    node: int,
    tree: Tree,
    children: Sequence[_Node],
    parts: dict[Key, Array],
) -> Array:
    """The sum of all terms that end at or below `node`, in its children's slots."""
    if not children:
        return sum(compiled[n][0] * parts[inside[node][n]] for n in done)
    size = math.prod(c.size for c in children)
    total = host.zeros(size, dtype=complex)
    for i, child in enumerate(children):
        if child.finished >= 0:
            total += _kron([
                c.unit(c.finished if i == j else c.identity) for j, c in enumerate(children)
            ])
    for number in done:
        pieces = [inside[c].get(number, ()) for c in tree.children[node]]
        total += compiled[number][0] * _kron(
            [c.of(p) for c, p in zip(children, pieces, strict=True)]
        )
    return total


def _root(
    compiled: Sequence[Term],
    inside: Sequence[dict[int, Key]],
    tree: Tree,
    children: Sequence[_Node],
) -> Array:
    done = list(inside[tree.root])
    total = _finished(done, compiled, inside, tree.root, tree, children, {})
    for coefficient, key in compiled:
        if not key:
            total = total + coefficient * _kron([c.unit(c.identity) for c in children])
    return host.reshape(total, tuple(c.size for c in children))


def _open_basis(
    open_terms: Sequence[tuple[complex, Key, Key]],
    parts: dict[Key, Array],
    dims: tuple[int, ...],
    rule: Truncation,
) -> Array:
    """Orthonormal columns that span the open parts below an edge, within the tolerance."""
    rows = int(host.prod(host.asarray(dims)))
    if not open_terms:
        return host.zeros((rows, 0))
    insides = {key: i for i, key in enumerate(dict.fromkeys(t[1] for t in open_terms))}
    outsides = {key: i for i, key in enumerate(dict.fromkeys(t[2] for t in open_terms))}
    table = host.zeros((len(insides), len(outsides)), dtype=complex)
    for coefficient, inside, outside in open_terms:
        table[insides[inside], outsides[outside]] += coefficient
    vectors = host.stack([parts[key] for key in insides], axis=1)
    u, s, _ = arrays.svd(vectors @ table)
    rank = rule.rank(s)
    if rank == len(insides):
        # nothing to compress: unmixed parts keep sparse matrices sparse
        return arrays.qr(vectors)[0] if len(dims) > 1 else vectors
    return u[:, :rank]


def _leaf_matrices(stacked: Array, labels: _Labels, identity: int, size: int) -> list[Any]:
    matrices = []
    for slot in range(stacked.shape[1]):
        if slot == identity:
            like = labels.matrices[0][0] if labels.matrices else None
            ones = host.ones(size)
            sparse = like is None or arrays.is_sparse(like)
            matrices.append(ones if sparse else arrays.asarray(ones, like=like))
            continue
        factors = [complex(f) * unit for f, (_, unit) in
                   zip(stacked[:, slot], labels.matrices, strict=True)]
        matrices.append(leaf.combine(factors, [m for m, _ in labels.matrices]))
    return matrices


def _real_if_possible(core: Array) -> Array:
    return host.ascontiguousarray(core.real) if not host.any(core.imag) else core
