"""Bad calls of symmetric tensors and decompositions."""

from __future__ import annotations

import math

import numpy as np
from refusal_cases import refuse, refuse_call

import tensorflowlr as tlr
from tensorflowlr.plotting import plot_panels

CP = tlr.SymmetricCP([1.0, 2.0], np.eye(3)[:, :2], 4)
T = CP.to_dense()
OTHER = tlr.SymmetricCP([1.0], np.eye(4)[:, :1], 4)
Y = np.random.default_rng(0).standard_normal((20, 3))
M, C = tlr.MomentTensor(Y, 4), tlr.CumulantTensor(Y, 4)
CUBE = np.ones((3, 3, 3))
NAN = np.full((3, 3, 3), math.nan)
UNEVEN = np.arange(27.0).reshape(3, 3, 3)
spm = tlr.subspace_power_method

CUBES = [
    case for door, f in (("asymmetry", tlr.asymmetry), ("symmetrize", tlr.symmetrize),
                         ("subspace_power_method", spm))
    for case in (
        *refuse(door, "T", f, ("text", None), TypeError, "array"),
        *refuse(door, "T", f, (np.ones((2, 3, 2)), np.ones((0, 0, 0)), NAN), ValueError, "must"),
    )
]
ARITHMETIC = [
    *refuse("SymmetricCP.__add__", "other", lambda v: CP + v, (3, "x"), TypeError, "SymmetricCP"),
    *refuse_call("SymmetricCP.__add__", lambda: CP + OTHER, ValueError, "other", "(3, 3, 3, 3)"),
    *refuse("SymmetricCP.__sub__", "other", lambda v: CP - v, (3, None), TypeError, "SymmetricCP"),
    *refuse("SymmetricCP.__mul__", "numbers", lambda v: CP * v, ("x", None), TypeError),
    *refuse("SymmetricCP.__rmul__", "numbers", lambda v: v * CP, (None, {}), TypeError),
    *refuse("SymmetricCP.__truediv__", "numbers", lambda v: CP / v, ("x", None), TypeError),
    *refuse("SymmetricCP.inner", "other", CP.inner, (3, None), TypeError, "SymmetricCP"),
    *refuse("SymmetricCP.match", "other", CP.match, (3, None), TypeError, "SymmetricCP"),
    *refuse_call("SymmetricCP.inner", lambda: CP.inner(OTHER), ValueError, "other", "must have"),
]

CASES = [
    *CUBES, *ARITHMETIC,
    *refuse("subspace_power_method", "rank", lambda v: spm(T, v), (0, -1, 4), ValueError, "at"),
    *refuse("subspace_power_method", "rank", lambda v: spm(T, v), (1.5, "2", True), TypeError),
    *refuse("subspace_power_method", "tol", lambda v: spm(T, tol=v), (-1.0, 2.0, math.nan),
            ValueError),
    *refuse("subspace_power_method", "iterations", lambda v: spm(T, iterations=v), (0,),
            ValueError),
    *refuse("subspace_power_method", "refine", lambda v: spm(T, refine=v), (1, "yes"), TypeError),
    *refuse("subspace_power_method", "progress", lambda v: spm(T, progress=v), (1,), TypeError),
    *refuse("subspace_power_method", "rng", lambda v: spm(T, rng=v), ("seed",), TypeError),
    *refuse_call("subspace_power_method", lambda: spm(UNEVEN), ValueError, "T must be symmetric"),
    *refuse_call("subspace_power_method", lambda: spm(0.0 * T), ValueError, "T must not be zero"),
    *refuse_call("subspace_power_method", lambda: spm(np.eye(3)), ValueError, "T", "3 axes"),
    *refuse_call("subspace_power_method", lambda: spm(tlr.MomentTensor(Y, 2)), ValueError,
                 "order must be at least 3"),
    *refuse("SymmetricCP", "factors", lambda v: tlr.SymmetricCP([1.0], v, 3), ("x", None),
            TypeError),
    *refuse("SymmetricCP", "factors", lambda v: tlr.SymmetricCP([1.0], v, 3),
            (np.ones(3), np.zeros((3, 1)) * math.nan), ValueError),
    *refuse_call("SymmetricCP", lambda: tlr.SymmetricCP([1.0], np.zeros((3, 1)), 3), ValueError,
                 "factors", "zero"),
    *refuse_call("SymmetricCP", lambda: tlr.SymmetricCP([1.0, 2.0], np.ones((3, 1)), 3),
                 ValueError, "weights", "(2,)"),
    *refuse("SymmetricCP", "order", lambda v: tlr.SymmetricCP([1.0], np.ones((3, 1)), v),
            (0, -1), ValueError),
    *refuse("SymmetricCP.random", "size", lambda v: tlr.SymmetricCP.random(v, 2, 3), (0,),
            ValueError),
    *refuse("SymmetricCP.random", "rank", lambda v: tlr.SymmetricCP.random(2, v, 3), ("1",),
            TypeError),
    *refuse("SymmetricCP.from_tensorly", "obj", tlr.SymmetricCP.from_tensorly, (3, None),
            TypeError),
    *refuse("SymmetricCP.evaluate", "vectors", CP.evaluate, (np.ones(4),), ValueError),
    *refuse_call("SymmetricCP.evaluate", lambda: CP.evaluate(Y[0], Y[1]), TypeError, "vectors"),
    *refuse("SymmetricCP.gradient", "vectors", CP.gradient, (np.ones(4),), ValueError),
    *refuse("SymmetricCP.to_tree", "tree", CP.to_tree, (3,), TypeError, "tlr.Tree"),
    *refuse_call("SymmetricCP.to_tree", lambda: CP.to_tree(tlr.Tree.matrix()), ValueError, "tree"),
    *refuse("SymmetricCP.to", "like", lambda v: CP.to(like=v), (3,), TypeError),
    *[
        case for door, make in (("MomentTensor", tlr.MomentTensor),
                                ("CumulantTensor", tlr.CumulantTensor))
        for case in (
            *refuse(door, "samples", lambda v, f=make: f(v, 4), ("x", None), TypeError),
            *refuse(door, "samples", lambda v, f=make: f(v, 4), (np.ones(3), Y * math.nan),
                    ValueError),
            *refuse(door, "samples", lambda v, f=make: f(v, 4), (Y * 1j,), TypeError, "real"),
            *refuse(door, "order", lambda v, f=make: f(Y, v), (0, 21), ValueError),
            *refuse_call(door, lambda f=make: f(Y, 4, weights=np.ones(3)), ValueError, "weights"),
            *refuse_call(door, lambda f=make: f(Y, 4, weights=-np.ones(20)), ValueError,
                         "weights"),
        )
    ],
    *refuse("MomentTensor", "noise", lambda v: tlr.MomentTensor(Y, 4, noise=v), (-1.0, np.eye(2)),
            ValueError),
    *refuse("MomentTensor.evaluate", "vectors", M.evaluate, (np.ones(4),), ValueError),
    *refuse("CumulantTensor.evaluate", "vectors", C.evaluate, (np.ones(4),), ValueError),
    *[
        case for door, f in (("st_hosvd", tlr.st_hosvd), ("hooi", tlr.hooi))
        for case in (
            *refuse(door, "x", f, ("text", None), TypeError),
            *refuse(door, "x", f, (NAN,), ValueError),
            *refuse(door, "rule", lambda v, f=f: f(CUBE, v), (3, "x"), TypeError, "Truncation"),
        )
    ],
    *refuse("plotting.plot_panels", "draw", lambda v: plot_panels(v, "x.png"), (3,), TypeError),
    *refuse("plotting.plot_panels", "title", lambda v: plot_panels(print, "x.png", title=v), (3,),
            TypeError),
    *refuse("plotting.plot_panels", "path", lambda v: plot_panels(lambda a, b: None, v), (3,),
            TypeError),
    *refuse("hooi", "sweeps", lambda v: tlr.hooi(CUBE, sweeps=v), (0,), ValueError),
]
