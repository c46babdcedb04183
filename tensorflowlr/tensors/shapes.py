"""Named shapes of tree tensors: matrix, Tucker tensor, tensor train."""

from __future__ import annotations

from collections.abc import Sequence

from tensorflowlr.arrays import Array, check_together, namespace
from tensorflowlr.tensors import construct
from tensorflowlr.tensors.tree_tensor import TreeTensor
from tensorflowlr.trees import Tree


def _own_tree(cls: type, tree: Tree | None, own: Tree) -> Tree:
    if tree is None:
        return own
    if construct.checked_tree(tree, own.modes) != own:
        raise ValueError(f"tree of a {cls.__name__} must be {own}, not {tree}")
    return own


class LowRankMatrix(TreeTensor):
    """A matrix Y = U S Vᵀ (V is not conjugated): a tree of two leaves.

    Parameters
    ----------
    U, S, V
        Arrays of shapes (m, r), (r, s) and (n, s).

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> tlr.LowRankMatrix(np.ones((3, 1)), np.eye(1), np.ones((4, 1))).to_dense().shape
    (3, 4)
    """

    __slots__ = ()

    def __init__(self, U: Array, S: Array, V: Array) -> None:
        super().__init__(Tree.matrix(), (U, V, S))

    @classmethod
    def _core_names(cls, cores: Sequence[Array]) -> Sequence[str]:
        return ("U", "V", "S")

    @classmethod
    def _tree_for(cls, tree: Tree | None, modes: int) -> Tree:
        return _own_tree(cls, tree, construct.checked_tree(Tree.matrix(), modes))

    @property
    def U(self) -> Array:
        """Left basis, shape (m, r)."""
        return self.cores[0]

    @property
    def S(self) -> Array:
        """Core, shape (r, s)."""
        return self.cores[2]

    @property
    def V(self) -> Array:
        """Right basis, shape (n, s), unconjugated."""
        return self.cores[1]


class TuckerTensor(TreeTensor):
    """A core of shape (r_1, …, r_d) and a factor (n_i, r_i) per mode: a tree of height one.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> Y = tlr.TuckerTensor(np.ones((1, 1, 1)), [np.ones((n, 1)) for n in (2, 3, 4)])
    >>> Y.shape
    (2, 3, 4)
    """

    __slots__ = ()

    def __init__(self, core: Array, factors: Sequence[Array]) -> None:
        factors = construct.checked_list(factors, "factors")
        super().__init__(Tree.tucker(len(factors)), (*factors, core))

    @classmethod
    def _core_names(cls, cores: Sequence[Array]) -> Sequence[str]:
        return [*(f"factors[{i}]" for i in range(len(cores) - 1)), "core"]

    @classmethod
    def _tree_for(cls, tree: Tree | None, modes: int) -> Tree:
        return _own_tree(cls, tree, Tree.tucker(modes))

    @property
    def core(self) -> Array:
        """The core tensor."""
        return self.cores[-1]

    @property
    def factors(self) -> tuple[Array, ...]:
        """The factor matrices, mode by mode."""
        return self.cores[:-1]


class TensorTrain(TreeTensor):
    """A tensor train, held as the comb ``(0, (1, (2, …)))``.

    Parameters
    ----------
    cores
        Arrays of shapes (r_{k-1}, n_k, r_k) with r_0 = r_d = 1.

    Examples
    --------
    >>> import numpy as np, tensorflowlr as tlr
    >>> Y = tlr.TensorTrain([np.ones((1, 2, 3)), np.ones((3, 2, 1))])
    >>> Y.to_dense()[0, 0]
    np.float64(3.0)
    """

    __slots__ = ()

    def __init__(self, cores: Sequence[Array]) -> None:
        cores = construct.checked_list(cores, "cores")
        check_together([construct.checked_array(c, f"cores[{k}]")
                        for k, c in enumerate(cores)], "cores")
        tree, made = construct.stored_train(cores)
        super().__init__(tree, made)

    @classmethod
    def _tree_for(cls, tree: Tree | None, modes: int) -> Tree:
        return _own_tree(cls, tree, Tree.train(modes))

    @property
    def train_cores(self) -> list[Array]:
        """The cores of shapes (r_{k-1}, n_k, r_k)."""
        return train_cores(self)


def train_cores(Y: TreeTensor) -> list[Array]:
    """Tensor-train cores of a tensor on `Tree.train`; the leaf bases are multiplied in."""
    d, tree = Y.tree.modes, Y.tree
    if tree != Tree.train(d):
        raise ValueError(f"a tensor train needs the tree Tree.train({d}), not {tree}")
    xp = namespace(Y.cores[-1])
    if d == 1:
        return [xp.reshape(Y.cores[0] @ Y.cores[1], (1, -1, 1))]
    result = []
    for k in range(d - 1):
        node = Y.cores[tree.root - k]
        core = node[:, :, None] if k == 0 else node
        mixed = Y.cores[k] @ xp.reshape(core, (core.shape[0], -1))
        mixed = xp.reshape(mixed, (-1, *core.shape[1:]))
        result.append(xp.permute_dims(mixed, (2, 0, 1)))
    return [*result, xp.permute_dims(Y.cores[d - 1], (1, 0))[:, :, None]]
