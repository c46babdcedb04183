"""What is installed beside the package: versions, array libraries, linear algebra."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform

from tensorflowlr import arrays

ARRAY_LIBRARIES = ("numpy", "torch", "cupy", "array_api_strict")


def versions() -> dict[str, str]:
    """The versions of Python, of this library and of what its results depend on."""
    from tensorflowlr import __version__

    found = {"python": platform.python_version(), "tensorflowlr": __version__}
    for name in ("numpy", "scipy", "array-api-compat", "opt_einsum", "h5py"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


def array_libraries() -> dict[str, str]:
    """The versions of the array libraries that may be used; nothing is imported."""
    owners = importlib.metadata.packages_distributions()
    found = {}
    for name in ARRAY_LIBRARIES:
        if importlib.util.find_spec(name) is None:
            found[name] = "not installed"
        else:
            found[name] = (importlib.metadata.version(owners[name][0]) if name in owners
                           else "present")
    return found


def linear_algebra() -> list[tuple[str, str]]:
    """The libraries with threads below NumPy: name, and version with number of threads."""
    # a first factorisation loads what holds the threads
    arrays.qr(arrays.host.eye(2))
    return [
        (pool["internal_api"], f"{pool['version'] or ''}, threads: {pool['num_threads']}")
        for pool in arrays.thread_pools()
    ]
