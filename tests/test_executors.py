"""Flows on executors: the same bits wherever they are solved."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import warnings
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import distributed
import numpy as np
import pytest
from helpers import long_range_ising, random_product

import tensorflowlr as tlr
from tensorflowlr.integrators import workers

RULE = tlr.Truncation(atol=1e-6, max_rank=8)
METHODS = {
    "parallel": tlr.ParallelBUG(RULE),
    "parallel, order 2": tlr.ParallelBUG(RULE, order=2, flow=tlr.Exponential(1e-8)),
    "augmented": tlr.AugmentedBUG(RULE, flow=tlr.Krylov(1e-8)),
    "augmented, order 2": tlr.AugmentedBUG(RULE, order=2),
}
TREE = tlr.Tree.balanced(8)


def swing(t):
    """A coefficient that other processes can import."""
    return -1j * np.cos(t).item()


def problem():
    """A chain, and a leaf of 40 points with sparse and diagonal matrices."""
    rng = np.random.default_rng(0)
    shape = (40, *(2,) * 7)
    terms = [(c, m) for c, m in long_range_ising(8) if 0 not in m]
    kinetic = np.diag(np.full(40, 2.0)) - np.eye(40, k=1) - np.eye(40, k=-1)
    terms += [(1.0, {0: kinetic}), (0.5, {0: rng.random(40), 3: [1.0, -1.0]})]
    return tlr.TreeOperator.from_terms(terms, TREE, shape), random_product(TREE, shape)


H, START = problem()
FIELD = tlr.LinearField(H, coefficient=swing)


@functools.cache
def serial(name):
    """The reference, taken with every flow a task of its own."""
    return run(name)


def run(name, executor=None, F=FIELD):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tlr.RankCapWarning)
        return tlr.integrate(F, START, (0.0, 0.3), step=0.1, method=METHODS[name],
                             executor=executor, observe={"norm": lambda t, Y: Y.norm()})


def same(one, two):
    assert np.array_equal(one.observables["norm"], two.observables["norm"])
    assert one.stats["evaluations"] == two.stats["evaluations"]
    for a, b in zip(one.final.cores, two.final.cores, strict=True):
        assert np.array_equal(a, b)


class Counting(Executor):
    """Hands tasks on and counts them."""

    def __init__(self, inner):
        self.inner, self.sent = inner, 0

    def submit(self, function, /, *arguments, **options):
        self.sent += 1
        return self.inner.submit(function, *arguments, **options)


@pytest.fixture(scope="module")
def pools():
    """Executors that tests share."""
    with (ThreadPoolExecutor(2) as threads,
          ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes):
        yield {"threads": threads, "processes": processes}


@pytest.fixture(autouse=True)
def every_flow_travels(monkeypatch):
    # tasks of this size would stay: here the point is that they travel
    monkeypatch.setattr(workers, "THRESHOLD", 1.0)


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize("name", METHODS)
def test_pools_give_the_same_bits(pools, kind, name):
    counting = Counting(pools[kind])
    same(run(name, counting), serial(name))
    # at order 2 most bases are complete, and little is left to solve
    assert counting.sent >= (2 if name == "augmented, order 2" else 9)


def test_dask_gives_the_same_bits():
    with (distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False,
                                   dashboard_address=None) as cluster,
          distributed.Client(cluster) as client):
        counting = Counting(client.get_executor())
        same(run("parallel, order 2", counting), serial("parallel, order 2"))
        assert counting.sent >= 9


MPI = """
import sys
sys.path.insert(0, {tests!r})
from mpi4py.futures import MPIPoolExecutor
from tensorflowlr.integrators import workers
import test_executors as t

if __name__ == "__main__":
    workers.THRESHOLD = 1.0
    with MPIPoolExecutor() as pool:
        counting = t.Counting(pool)
        for name in ("parallel", "augmented, order 2"):
            t.same(t.run(name, counting), t.run(name))
        print("sent", counting.sent)
"""


def test_mpi_gives_the_same_bits(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(MPI.format(tests=str(Path(__file__).parent)))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("mpiexec")), "-n", "3", sys.executable, "-m",
         "mpi4py.futures", str(script)],
        capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= 11


class Immediate(Executor):
    """Runs a task at once, as a worker that forgets leaf matrices now and then."""

    def __init__(self, forget):
        self.forget, self.calls = forget, []

    def submit(self, function, /, *arguments, **options):
        if self.forget(len(self.calls)):
            workers._kept.clear()
        future = Future()
        try:
            future.set_result(function(*arguments, **options))
        except Exception as error:
            future.set_exception(error)
        self.calls.append((arguments[2], arguments[3] is not None, future))
        return future


@pytest.mark.parametrize("every", [1, 3, 10**9])
def test_leaf_matrices_travel_where_they_are_not_known(every):
    executor = Immediate(lambda n: n % every == 0)
    same(run("parallel", executor), serial("parallel"))
    with_matrices = [token for token, sent, _ in executor.calls if sent]
    assert with_matrices and all(token is not None for token in with_matrices)
    if every == 10**9:
        assert len(set(with_matrices)) == len(with_matrices)


def test_small_flows_stay(monkeypatch, pools):
    monkeypatch.setattr(workers, "THRESHOLD", 1e12)
    counting = Counting(pools["processes"])
    run("parallel", counting)
    assert counting.sent == 0


@pytest.mark.parametrize("F", [
    tlr.LinearField(H, coefficient=lambda t: -1j),
    tlr.LinearField(H, coefficient=-1j, source=lambda t: (0.1 + 0j) * START),
    tlr.FactoredField(lambda t, Y: (-0.1 + 0j) * Y),
], ids=["coefficient", "source", "factored"])
def test_functions_that_cannot_travel_stay(pools, F):
    counting = Counting(pools["processes"])
    method = tlr.ParallelBUG(RULE)
    one, two = (tlr.integrate(F, START, (0.0, 0.2), step=0.1, method=method, executor=e)
                for e in (None, counting))
    assert counting.sent == 0
    assert all(np.array_equal(a, b) for a, b in zip(one.final.cores, two.final.cores, strict=True))


def test_trouble_on_a_worker_is_trouble_of_the_step(pools):
    big = tlr.LinearField(1e200 * H, coefficient=-1j)
    with pytest.raises(tlr.IntegrationError, match="step from t = 0 to 0.1 failed"):
        tlr.integrate(big, START, (0.0, 0.2), step=0.1, executor=pools["processes"],
                      method=tlr.ParallelBUG(RULE, flow=tlr.Exponential()))


def test_an_executor_that_was_shut_down_is_said():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="executor takes no more tasks"):
        tlr.integrate(FIELD, START, (0.0, 0.1), step=0.1, method=METHODS["parallel"],
                      executor=pool)


class Die:
    """A coefficient that ends the process that asks for it, but for the first one."""

    def __init__(self):
        self.home = os.getpid()

    def __call__(self, t):
        if os.getpid() != self.home:
            os._exit(1)
        return -1j


def test_a_worker_that_dies_loses_no_step():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(RuntimeError, match="executor broke"):
            tlr.integrate(tlr.LinearField(H, coefficient=Die()), START, (0.0, 0.1), step=0.1,
                          method=METHODS["parallel"], executor=pool)


class Unhashable:
    """A coefficient that compares by value, as a dataclass does, and so has no hash."""

    def __call__(self, t):
        return -1j

    def __eq__(self, other):
        return isinstance(other, Unhashable)


def test_a_coefficient_without_a_hash_travels(pools):
    counting = Counting(pools["processes"])
    F = tlr.LinearField(H, coefficient=Unhashable())
    same(run("parallel", counting, F), run("parallel", None, F))
    assert counting.sent >= 9


@pytest.mark.parametrize("executor", [2, "threads", ThreadPoolExecutor, object()])
def test_what_is_no_executor_is_refused(executor):
    with pytest.raises(TypeError, match="executor must be None or a concurrent.futures.Executor"):
        tlr.integrate(FIELD, START, (0.0, 0.1), step=0.1, method=METHODS["parallel"],
                      executor=executor)
