"""Contractions: opt_einsum plans them once per equation and shapes, a short executor runs them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import opt_einsum

from tensorflowlr.arrays import HOST_ARRAY, Array, Namespace, namespace, permute


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
        # multiplications and additions of one call
        self.flops = sum(pair.flops for _, _, pair in self.steps)

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
        self.flops = 2 * count(batch) * count(rows) * count(summed) * count(columns)

    def __call__(self, xp: Namespace, left: Array, right: Array) -> Array:
        if self.swap:
            left, right = right, left
        if type(left) is HOST_ARRAY:
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
    >>> from tensorflowlr.arrays import host
    >>> from tensorflowlr.contraction import contract
    >>> contract("ab,bc->ac", host.eye(2), host.ones((2, 1))).shape
    (2, 1)
    """
    return plan(equation, *(tuple(a.shape) for a in arrays))(*arrays)
