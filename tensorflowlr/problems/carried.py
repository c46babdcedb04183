"""Product states carried in wider bases, so that methods of first order see where to grow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from tensorflowlr import arrays
from tensorflowlr.arrays import Array, host
from tensorflowlr.tensors import TreeTensor
from tensorflowlr.trees import Tree


def carried(bases: Sequence[Array], tree: Tree, rank: int) -> TreeTensor:
    """The product of first columns, at a rank above one.

    A method of first order grows a basis by what the right-hand side has there in the
    *old* bases of all other modes. From a product that can be nothing at all: a transport
    term that is antisymmetric in space leaves ⟨u|D|u⟩ = 0, and no further angle is ever
    seen. The published runs start from products carried at rank 10 for this reason.

    Parameters
    ----------
    bases
        For each mode columns (n, k): the first is the factor of the product, the others are
        further directions, the likeliest first.
    tree
        The topology.
    rank
        The rank of every edge, where the columns and the edges around allow it: a rank above
        the product of its neighbours would be cut before the first step, all of it. Of the
        products of children's directions those of lowest total degree are carried.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> from tensorflowlr.problems.carried import carried
    >>> wide = carried([np.array([[2.0, 1.0], [0.0, 1.0]])] * 4, tlr.Tree.balanced(4), 2)
    >>> wide.max_rank, wide.norm(), wide.round(tlr.Truncation(rtol=1e-12)).max_rank
    (2, 16.0, 1)
    """
    ranks = _feasible([min(rank, int(columns.shape[1])) for columns in bases], tree, rank)
    cores: list[Array] = []
    length = 1.0
    for columns, width in zip(bases, ranks, strict=False):
        first = arrays.norm(columns[:, 0])
        q, r = arrays.qr(columns[:, :width] / first)
        # signs as the product has them
        q = q * host.sign(host.where(host.abs(r[0, 0]) > 0.0, r[0, 0], 1.0))
        length *= first
        cores.append(q)
    for node in tree.inner:
        sizes = [cores[c].shape[-1] for c in tree.children[node]]
        chosen = sorted(itertools.product(*(range(n) for n in sizes)),
                        key=lambda index: (sum(index), max(index)))
        if node == tree.root:
            root = host.zeros(tuple(sizes))
            root[chosen[0]] = length
            cores.append(root)
            break
        core = host.zeros((*sizes, ranks[node]))
        for k, index in enumerate(chosen[: ranks[node]]):
            core[(*index, k)] = 1.0
        cores.append(core)
    return TreeTensor(tree, cores)


def _feasible(leaves: Sequence[int], tree: Tree, rank: int) -> list[int]:
    """Ranks of all nodes, none above the product of those around it; the root's is one."""
    ranks = list(leaves)
    for node in tree.inner:
        ranks.append(min(rank, math.prod(ranks[c] for c in tree.children[node])))
    ranks[tree.root] = 1
    settled = False
    while not settled:
        settled = True
        for node in tree.inner:
            around = [node, *tree.children[node]]
            for edge in around:
                most = math.prod(ranks[other] for other in around if other != edge)
                if ranks[edge] > most:
                    ranks[edge], settled = most, False
    return ranks
