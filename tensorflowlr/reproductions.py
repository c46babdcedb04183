"""The published experiments in the repository's folder `paper_repro`."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType

FOLDER = "paper_repro"


def find() -> tuple[Path, dict[str, str]]:
    """The folder and the title of each experiment in it, by name.

    It is looked for beside the package, then in the current directory. An experiment is a
    module with a text ``TITLE`` and a function ``run``; nothing is imported.

    Raises
    ------
    FileNotFoundError
        If neither folder holds an experiment.
    """
    places = [Path(__file__).resolve().parents[1] / FOLDER, Path.cwd() / FOLDER]
    for folder in places:
        titles = {}
        for path in sorted(folder.glob("*.py")):
            title = _title(path)
            if title is not None:
                titles[path.stem] = title
        if titles:
            return folder, titles
    raise FileNotFoundError(
        f"the experiments come with the repository: found none in {places[0]} or {places[1]}"
    )


def load(folder: Path, name: str) -> ModuleType:
    """Import an experiment.

    Raises
    ------
    ImportError
        If it needs something that is not installed.
    """
    known = sys.modules.get(FOLDER)
    if known is not None and str(folder) not in map(str, known.__path__):
        for key in [k for k in sys.modules if k == FOLDER or k.startswith(f"{FOLDER}.")]:
            del sys.modules[key]
    sys.path.insert(0, str(folder.parent))
    try:
        return importlib.import_module(f"{FOLDER}.{name}")
    finally:
        sys.path.remove(str(folder.parent))


def _title(path: Path) -> str | None:
    """The TITLE of a module that has a `run` too, else None."""
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return None
    if not any(isinstance(part, ast.FunctionDef) and part.name == "run" for part in body):
        return None
    for part in body:
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Constant):
            names = [target.id for target in part.targets if isinstance(target, ast.Name)]
            if "TITLE" in names and isinstance(part.value.value, str):
                return part.value.value
    return None
