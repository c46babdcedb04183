"""Bad calls of tensors symmetric in groups of axes."""

from __future__ import annotations

import math

import numpy as np
from refusal_cases import refuse, refuse_call

import tensorflowlr as tlr

CP = tlr.PartiallySymmetricCP([1.0, 2.0], [np.eye(3)[:, :2], np.eye(2)], ((0, 1), (2,)))
T = CP.to_dense()
OTHER = tlr.PartiallySymmetricCP([1.0], [np.ones((3, 1)), np.ones((3, 1))], ((0, 1), (2,)))
mspm = tlr.multi_subspace_power_method
Group = tlr.PartiallySymmetricCP

BAD_TYPES = (3, None, "01", [0, 1, 2], ((0, 1), (2.5,)), {0: 1}, ((0, 1), "2"))
BAD_GROUPS = (((0, 1), (1, 2)), ((0, 1),), ((0, 1), (2,), ()), ((0, 1), (3,)), ((0,), (-1, 2)), ())

CASES = [
    *refuse("multi_subspace_power_method", "T", mspm, ("text", None), TypeError, "array"),
    *refuse("multi_subspace_power_method", "T", mspm,
            (np.full((3, 3, 3), math.nan), np.ones((0, 2, 2)), np.ones((3, 1, 3))), ValueError,
            "must"),
    *refuse_call("multi_subspace_power_method", lambda: mspm(np.eye(3)), ValueError, "T",
                 "3 axes", "2"),
    *refuse_call("multi_subspace_power_method", lambda: mspm(0.0 * T), ValueError,
                 "T must not be zero"),
    *refuse_call("multi_subspace_power_method", lambda: mspm(
        np.arange(27.0).reshape(3, 3, 3), symmetry=((0, 1), (2,))), ValueError,
        "T must be symmetric", "(0, 1)"),
    *refuse_call("multi_subspace_power_method", lambda: mspm(T, symmetry=((0, 2), (1,))),
                 ValueError, "T must have axes of one size", "(0, 2)"),
    *refuse("multi_subspace_power_method", "symmetry", lambda v: mspm(T, symmetry=v),
            BAD_TYPES[:1] + BAD_TYPES[2:], TypeError, "((0, 1), (2,))"),
    *refuse("multi_subspace_power_method", "symmetry", lambda v: mspm(T, symmetry=v),
            BAD_GROUPS, ValueError, "((0, 1), (2,))"),
    *refuse("multi_subspace_power_method", "rank", lambda v: mspm(T, v), (0, -1, 9), ValueError,
            "at"),
    *refuse("multi_subspace_power_method", "rank", lambda v: mspm(T, v), (1.5, "2", True),
            TypeError),
    *refuse("multi_subspace_power_method", "tol", lambda v: mspm(T, tol=v), (-1.0, 2.0, math.nan),
            ValueError),
    *refuse("multi_subspace_power_method", "iterations", lambda v: mspm(T, iterations=v), (0,),
            ValueError),
    *refuse("multi_subspace_power_method", "refine", lambda v: mspm(T, refine=v), (1, "yes"),
            TypeError),
    *refuse("multi_subspace_power_method", "progress", lambda v: mspm(T, progress=v), (1,),
            TypeError),
    *refuse("multi_subspace_power_method", "rng", lambda v: mspm(T, rng=v), ("seed",), TypeError),
    *refuse("PartiallySymmetricCP", "symmetry", lambda v: Group([1.0], [np.ones((2, 1))], v),
            BAD_TYPES, TypeError, "((0, 1), (2,))"),
    *refuse("PartiallySymmetricCP", "symmetry", lambda v: Group([1.0], [np.ones((2, 1))], v),
            BAD_GROUPS[:1] + BAD_GROUPS[2:], ValueError, "((0, 1), (2,))"),
    *refuse("PartiallySymmetricCP", "factors", lambda v: Group([1.0], v, ((0, 1, 2),)),
            ("x", None, 3), TypeError),
    *[case for value, words in (
        ([], ("one entry",)), ([np.ones(3)], ("(d, 1)", "(3,)")), ([np.zeros((3, 1))], ("zero",)),
        ([np.ones((3, 2))], ("(3, 2)",)), ([np.full((3, 1), math.inf)], ("Inf",)),
        ([np.ones((3, 1))] * 2, ("one matrix per group", "2")),
    ) for case in refuse_call(
        "PartiallySymmetricCP", lambda v=value: Group([1.0], v, ((0, 1, 2),)), ValueError,
        "factors", *words)],
    *refuse("PartiallySymmetricCP", "weights", lambda v: Group(v, [np.eye(2)], ((0, 1, 2),)),
            ("x", None), TypeError),
    *refuse("PartiallySymmetricCP", "weights", lambda v: Group(v, [np.eye(2)], ((0, 1, 2),)),
            (np.eye(2), 1.0, [math.nan, 1.0]), ValueError),
    *refuse("PartiallySymmetricCP.inner", "other", CP.inner, (3, None, T), TypeError,
            "PartiallySymmetricCP"),
    *refuse_call("PartiallySymmetricCP.inner", lambda: CP.inner(OTHER), ValueError, "other",
                 "(3, 3, 2)"),
    *refuse("PartiallySymmetricCP.to_tree", "tree", CP.to_tree, (3,), TypeError, "tlr.Tree"),
    *refuse_call("PartiallySymmetricCP.to_tree", lambda: CP.to_tree(tlr.Tree.matrix()),
                 ValueError, "tree"),
]
