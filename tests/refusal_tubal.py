"""Bad calls of tubal tensors, their dynamics and their recovery."""

from __future__ import annotations

import math

import numpy as np
from refusal_cases import refuse, refuse_call

from tensorflowlr import tubal
from tensorflowlr.tubal import sensing

X = np.random.default_rng(0).standard_normal((3, 4, 5))
SQUARE = np.random.default_rng(1).standard_normal((3, 3, 5))
NAN = np.full((3, 3, 5), math.nan)
A, S, Y = tubal.TubalTensor(X), tubal.TubalTensor(SQUARE), tubal.t_svd(X)
ONES = np.ones((3, 3, 5))
KNOWN = np.ones(X.shape, bool)
TRUTH = sensing.random_truth(2, 3, 4, 1, rng=0)
G = sensing.Measurements.gaussian(2, 20, 3, 4, rng=1)
E = sensing.EntrySamples.random(2, 20, 3, 4, rng=1)
START = np.full((2, 3, 3, 4), 0.1)


def descend(**given):
    arguments = {"measurements": G, "truth": TRUTH, "starts": [START], "rank": 1, "rate": 1e-4,
                 "iterations": 2, **given}
    return sensing.gradient_descent(**arguments)


def one(door, f, name="A"):
    """What every function of a tensor refuses."""
    return [
        *refuse(door, name, f, ("text", None), TypeError, "array"),
        *refuse(door, name, f, (np.ones((2, 2)),), ValueError, "three axes"),
        *refuse(door, name, f, (NAN,), ValueError, "finite"),
    ]


TENSORS = [
    *one("tubal.TubalTensor", tubal.TubalTensor, "x"),
    *refuse("tubal.TubalTensor", "transform", lambda v: tubal.TubalTensor(X, transform=v),
            ("dft", np.ones((2, 2))), ValueError),
    *refuse("tubal.TubalTensor", "transform", lambda v: tubal.TubalTensor(X, transform=v),
            (None, {}), TypeError),
    *refuse_call("tubal.TubalTensor", lambda: tubal.TubalTensor(X, transform="haar"), ValueError,
                 "haar", "power of two"),
    *refuse_call("tubal.TubalTensor", lambda: tubal.TubalTensor(X, transform=np.ones((5, 5))),
                 ValueError, "transform", "singular"),
    *[
        case for key, f in (("__add__", lambda v: A + v), ("__sub__", lambda v: A - v),
                            ("__matmul__", lambda v: A @ v))
        for case in refuse(f"tubal.TubalTensor.{key}", "TubalTensor", f, (3, "x", X), TypeError)
    ],
    *refuse_call("tubal.TubalTensor.__matmul__", lambda: A @ A, ValueError, "4 columns", "3 rows"),
    *refuse_call("tubal.TubalTensor.__add__", lambda: A + S, ValueError, "(3, 4, 5)", "add"),
    *refuse("tubal.TubalTensor.__mul__", "numbers", lambda v: A * v, ("x", None), TypeError),
    *refuse("tubal.TubalTensor.__rmul__", "numbers", lambda v: v * A, (None, {}), TypeError),
    *refuse("tubal.TubalTensor.__truediv__", "numbers", lambda v: A / v, ("x", None), TypeError),
    *refuse("tubal.TubalTensor.identity", "shape[0]", lambda v: tubal.TubalTensor.identity(v, 3),
            (0, -1, 1.5, "2"), ValueError, "positive integer"),
    *refuse("tubal.TubalTensor.restored", "faces",
            lambda v: tubal.TubalTensor.restored(v, (5,), True, "fft"),
            (np.ones((2, 3, 4)), np.ones((3, 4)), NAN), ValueError),
    *refuse("tubal.TubalTensor.to", "like", lambda v: A.to(like=v), (3, None), TypeError),
    *refuse("tubal.TubalTensor.ranks", "rtol", A.ranks, (-1.0, math.nan), ValueError),
    *refuse("tubal.TubalSVD", "U", lambda v: tubal.TubalSVD(v, S, S), ("x", None), TypeError),
    *refuse_call("tubal.TubalSVD", lambda: tubal.TubalSVD(A, S, S), ValueError, "U, S and V",
                 "do not fit"),
    *one("tubal.TubalSVD.from_dense", tubal.TubalSVD.from_dense),
    *refuse("tubal.TubalSVD.random", "shape", lambda v: tubal.TubalSVD.random(v, 2),
            ((3, 4),), ValueError, "three entries"),
    *refuse("tubal.TubalSVD.random", "rank", lambda v: tubal.TubalSVD.random((3, 4, 5), v),
            (0, -1), ValueError),
    *refuse_call("tubal.TubalSVD.product", lambda: tubal.TubalSVD.product([[1.0]]), TypeError,
                 "TubalSVD", "t_svd"),
    *refuse_call("tubal.TubalSVD.entries", lambda: Y.entries([[0, 0, 0]]), TypeError, "TubalSVD",
                 "to_dense"),
    *refuse("tubal.TubalSVD.to", "like", lambda v: Y.to(like=v), (3, None), TypeError),
    *refuse("tubal.TubalSVD.astype", "dtype", Y.astype, ("int64", "text"), TypeError),
    *refuse_call("tubal.TubalSVD.__mul__", lambda: Y * Y, TypeError, "TubalSVD", "entrywise"),
    *refuse("tubal.TubalSVD.__mul__", "number", lambda v: Y * v, ("x", None), TypeError),
    *refuse("tubal.TubalSVD.__rmul__", "number", lambda v: v * Y, (None, {}), TypeError),
    *refuse("tubal.CommonRank", "rtol", lambda v: tubal.CommonRank(rtol=v), (-1.0, math.nan),
            ValueError),
]

ALGEBRA = [
    *[
        case for name, f in (
            ("t_product", lambda v: tubal.t_product(v, SQUARE)),
            ("t_transpose", tubal.t_transpose), ("t_inverse", tubal.t_inverse),
            ("t_pinv", tubal.t_pinv), ("t_qr", tubal.t_qr), ("t_svd", tubal.t_svd),
            ("t_eigh", tubal.t_eigh), ("t_exp", tubal.t_exp), ("t_sqrt", tubal.t_sqrt),
            ("t_function", lambda v: tubal.t_function(v, np.exp)), ("t_norm", tubal.t_norm),
            ("tubal_rank", tubal.tubal_rank), ("multirank", tubal.multirank),
            ("principal_angles", lambda v: tubal.principal_angles(v, X)),
        ) for case in one(f"tubal.{name}", f)
    ],
    *[
        case for f in (tubal.t_inverse, tubal.t_eigh, tubal.t_exp, tubal.t_sqrt)
        for case in refuse_call(f"tubal.{f.__name__}", lambda f=f: f(X), ValueError, "A",
                                "square faces")
    ],
    *[
        case for f in (tubal.t_eigh, tubal.t_sqrt)
        for case in refuse_call(f"tubal.{f.__name__}", lambda f=f: f(SQUARE), ValueError, "A",
                                "Hermitian")
    ],
    *refuse_call("tubal.t_product", lambda: tubal.t_product(X, X), ValueError, "4 columns"),
    *refuse_call("tubal.t_product", lambda: tubal.t_product(SQUARE, X[:, :, :4]), ValueError,
                 "tubes"),
    *refuse_call("tubal.t_inverse", lambda: tubal.t_inverse(ONES), ValueError, "A", "singular"),
    *refuse_call("tubal.t_sqrt", lambda: tubal.t_sqrt(-tubal.t_identity(2, 3)), ValueError, "A",
                 "negative eigenvalue"),
    *refuse("tubal.t_function", "function",
            lambda v: tubal.t_function(tubal.t_identity(2, 3), v), (3, None), TypeError),
    *refuse_call("tubal.t_function",
                 lambda: tubal.t_function(tubal.t_identity(2, 3), lambda v: v * math.nan),
                 ValueError, "function", "finite"),
    *refuse("tubal.t_pinv", "rtol", lambda v: tubal.t_pinv(X, rtol=v), (-1.0, math.nan),
            ValueError),
    *refuse("tubal.t_norm", "kind", lambda v: tubal.t_norm(X, v), ("max", 2), ValueError),
    *refuse("tubal.t_identity", "shape[0]", lambda v: tubal.t_identity(v, 3), (0, -1, 1.5),
            ValueError),
    *refuse_call("tubal.principal_angles", lambda: tubal.principal_angles(X, np.ones((2, 1, 5))),
                 ValueError, "A and B", "rows"),
    *refuse("tubal.t_svd", "rule", lambda v: tubal.t_svd(X, v), (3, "x"), TypeError, "Truncation"),
    *refuse("tubal.t_svd", "method", lambda v: tubal.t_svd(X, method=v), ("lanczos", 3),
            ValueError),
    *refuse_call("tubal.t_svd", lambda: tubal.t_svd(X, multirank=[1]), ValueError, "multirank",
                 "3 entries"),
    *refuse("tubal.t_svd", "multirank", lambda v: tubal.t_svd(X, multirank=v), (3,), TypeError),
    *refuse("tubal.t_svd", "executor", lambda v: tubal.t_svd(X, executor=v), (3, "x"), TypeError),
]

DYNAMICS = [
    *refuse("tubal.TubalField", "terms", tubal.TubalField, (3,), TypeError, "triples"),
    *refuse("tubal.TubalField", "terms[0]", lambda v: tubal.TubalField([v]), (1.0, (1.0, None)),
            TypeError, "triple"),
    *refuse("tubal.TubalField", "terms[0][0]", lambda v: tubal.TubalField([(v, None, None)]),
            ("x", None), TypeError, "number"),
    *refuse_call("tubal.TubalField", lambda: tubal.TubalField([(1.0, X, None)]), ValueError,
                 "terms[0][1]", "square"),
    *refuse("tubal.TubalField", "source", lambda v: tubal.TubalField([], v), (3, "x"), TypeError),
    *refuse("tubal.channel", "points", tubal.channel, (1, 0), ValueError),
    *refuse("tubal.channel", "tube", lambda v: tubal.channel(4, v), (1,), ValueError),
    *refuse("tubal.channel", "diffusion", lambda v: tubal.channel(4, 4, diffusion=v),
            (-1.0, math.inf), ValueError),
    *refuse("tubal.Channel.exact", "t", tubal.channel(4, 4).exact, (math.nan, math.inf),
            ValueError),
    *refuse("tubal.Channel.exact", "t", tubal.channel(4, 4).exact, ("x", None), TypeError),
]

RECOVERY = [
    *[
        case for name, f in (
            ("t_completion", lambda v=X, **k: tubal.t_completion(v, KNOWN, **k)),
            ("t_robust_pca", lambda v=X, **k: tubal.t_robust_pca(v, **k)),
        ) for case in (
            *refuse(f"tubal.{name}", "x", f, ("text", None), TypeError, "array"),
            *refuse(f"tubal.{name}", "x", f, (NAN,), ValueError, "finite"),
            *refuse(f"tubal.{name}", "tol", lambda v, f=f: f(tol=v), (0.0, -1.0, math.nan),
                    ValueError),
            *refuse(f"tubal.{name}", "iterations", lambda v, f=f: f(iterations=v), (0, -1),
                    ValueError),
            *refuse(f"tubal.{name}", "transform", lambda v, f=f: f(transform=v), ("dft",),
                    ValueError),
        )
    ],
    *refuse("tubal.t_completion", "known", lambda v: tubal.t_completion(X, v),
            (3, "x", KNOWN.astype(int)), TypeError, "booleans"),
    *refuse("tubal.t_completion", "known", lambda v: tubal.t_completion(X, v), (KNOWN[:2],),
            ValueError, "(3, 4, 5)"),
    *refuse("tubal.t_robust_pca", "weight", lambda v: tubal.t_robust_pca(X, weight=v),
            (0.0, -1.0, math.nan), ValueError),
]

SENSING = [
    *refuse("tubal.sensing.Measurements", "tensors", sensing.Measurements, ("x", None), TypeError),
    *refuse("tubal.sensing.Measurements", "tensors", sensing.Measurements,
            (X, np.ones((1, 2, 3, 4, 5))), ValueError, "(problems, m, n, n, k)"),
    *refuse("tubal.sensing.Measurements", "tensors", sensing.Measurements,
            (np.ones((1, 2, 3, 3, 4), complex),), TypeError, "real"),
    *refuse("tubal.sensing.Measurements.gaussian", "shape[0]",
            lambda v: sensing.Measurements.gaussian(v, 2, 3, 4), (0, -1, 1.5), ValueError),
    *refuse("tubal.sensing.EntrySamples", "indices", lambda v: sensing.EntrySamples(v, 3, 4),
            (np.ones((1, 2)), "x", None), TypeError, "whole numbers"),
    *refuse_call("tubal.sensing.EntrySamples", lambda: sensing.EntrySamples([0, 1], 3, 4),
                 ValueError, "indices", "(problems, m)"),
    *refuse_call("tubal.sensing.EntrySamples", lambda: sensing.EntrySamples([[0, 36]], 3, 4),
                 ValueError, "indices", "from 0 to 35"),
    *refuse_call("tubal.sensing.EntrySamples", lambda: sensing.EntrySamples([[-1, 3]], 3, 4),
                 ValueError, "indices", "-1"),
    *refuse_call("tubal.sensing.EntrySamples", lambda: sensing.EntrySamples([[3, 3]], 3, 4),
                 ValueError, "indices", "twice"),
    *refuse("tubal.sensing.EntrySamples", "size", lambda v: sensing.EntrySamples([[0]], v, 4),
            (0, -1), ValueError),
    *refuse("tubal.sensing.EntrySamples.random", "count",
            lambda v: sensing.EntrySamples.random(1, v, 3, 4), (0, 37), ValueError),
    *[
        case for door, made in (("Measurements", G), ("EntrySamples", E)) for case in (
            *refuse(f"tubal.sensing.{door}.apply", "faces", made.apply, (X, 3), ValueError,
                    "(2, starts, 3, 3, 3)"),
            *refuse(f"tubal.sensing.{door}.adjoint", "values", made.adjoint, (X, None),
                    ValueError, "(2, starts, 20)"),
        )
    ],
    *refuse("tubal.sensing.random_truth", "shape[0]",
            lambda v: sensing.random_truth(v, 3, 4, 1), (0, -1), ValueError),
    *refuse("tubal.sensing.gradient_descent", "measurements", lambda v: descend(measurements=v),
            (3, X), TypeError, "EntrySamples"),
    *refuse("tubal.sensing.gradient_descent", "truth", lambda v: descend(truth=v), (X, TRUTH[:1]),
            ValueError, "(2, 3, 3, 4)"),
    *refuse("tubal.sensing.gradient_descent", "truth", lambda v: descend(truth=v), ("x", None),
            TypeError),
    *refuse("tubal.sensing.gradient_descent", "starts", lambda v: descend(starts=v), (3,),
            TypeError, "sequence"),
    *refuse("tubal.sensing.gradient_descent", "starts", lambda v: descend(starts=[v]),
            (X, START[:1]), ValueError, "(2, 3, R, 4)"),
    *refuse("tubal.sensing.gradient_descent", "rank", lambda v: descend(rank=v), (0, 4),
            ValueError),
    *refuse("tubal.sensing.gradient_descent", "rate", lambda v: descend(rate=v),
            (0.0, -1.0, math.nan), ValueError),
    *refuse("tubal.sensing.gradient_descent", "iterations", lambda v: descend(iterations=v),
            (0, -1), ValueError),
    *refuse("tubal.sensing.gradient_descent", "every", lambda v: descend(every=v), (0,),
            ValueError),
    *refuse_call("tubal.sensing.gradient_descent", lambda: descend(rate=1e6, iterations=60),
                 FloatingPointError, "rate", "diverged"),
]

CASES = [*TENSORS, *ALGEBRA, *DYNAMICS, *RECOVERY, *SENSING]
