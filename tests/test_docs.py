"""The site's sources: every public name has its place, every program in them is Python."""

import re
import types
from pathlib import Path

import pytest

import tensorflowlr as tlr
from tensorflowlr import tubal
from tensorflowlr.tubal import sensing

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), DOCS.parent / "README.md"])


def public():
    """The names of the package and of its public modules, as the reference writes them."""
    for module in (tlr, tlr.measures, tlr.observers, tlr.problems, tubal, sensing):
        for name, value in vars(module).items():
            # a room of its own shows what it makes, not what it makes it from
            if module is sensing and name not in (
                "EntrySamples", "Measurements", "Trace", "random_truth", "gradient_descent"
            ):
                continue
            # rooms of the house and what they import along are no surface
            if not (name.startswith("_") or isinstance(value, types.ModuleType)):
                if getattr(value, "__module__", "").startswith("tensorflowlr"):
                    yield f"{module.__name__}.{name}"


def test_every_public_name_is_in_the_reference():
    # the networks need torch: their page has a test of its own
    pages = [p for p in sorted((DOCS / "reference").glob("*.md")) if p.stem != "training"]
    text = "\n".join(page.read_text() for page in pages)
    entries = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert sorted(entries) == sorted(set(public()) - {"tensorflowlr.problems.carried"})


def test_every_name_for_networks_is_in_the_reference():
    pytest.importorskip("torch")
    from tensorflowlr import nn
    from tensorflowlr.nn import data

    text = (DOCS / "reference" / "training.md").read_text()
    entries = re.findall(r"^::: tensorflowlr.nn.(\S+)$", text, re.MULTILINE)
    own = [name for name, value in vars(nn).items()
           if name[0] != "_" and not isinstance(value, types.ModuleType)]
    own += [f"data.{name}" for name, value in vars(data).items()
            if name[0] != "_" and getattr(value, "__module__", "") == data.__name__]
    assert sorted(entries) == sorted(own)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_programs_in_the_pages_are_python(page):
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        if "--8<--" not in block:
            # dots stand for arguments that the text has named
            compile(block.replace("…", "**{}"), str(page), "exec")


def test_the_other_lines_of_the_start_page_run(capsys):
    text = (DOCS.parent / "README.md").read_text()
    _, algebra, training = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exec(compile(algebra, "README.md", "exec"), {})
    rank, error = capsys.readouterr().out.split()[:2]
    assert rank == "30" and float(error) < 1e-12
    pytest.importorskip("torch")
    found: dict = {}
    exec(compile(training, "README.md", "exec"), found)
    assert type(found["model"][2]).__name__ == "TuckerConv2d"


def test_the_lines_of_the_start_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for page in (DOCS / "index.md", DOCS.parent / "README.md"):
        block = re.search(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        # fewer spins and steps, the same words
        short = block.group(1).replace("spins = 16", "spins = 6").replace("(0, 2)", "(0, 0.2)")
        found: dict = {}
        exec(compile(short.replace("progress=True,", ""), str(page), "exec"), found)
        energies = found["solution"].observables["energy"]
        assert abs(energies[-1] - energies[0]) < 1e-4 and found["solution"].success
