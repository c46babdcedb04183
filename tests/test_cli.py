"""The command line: results, exit codes, and one clear line where something is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import tensorflowlr as tlr
from tensorflowlr import cli, plotting, reproductions
from tensorflowlr.integrators import checkpoint
from tensorflowlr.integrators.storage import load_solution

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """
[problem]
name = "nearest_neighbour_ising"
modes = {modes}
[method]
name = "augmented"
flow = {{ name = "exponential" }}
[truncation]
atol = 1e-8
{truncation}
[run]
step = {step}
t1 = {t1}
{run}
[output]
{output}
"""


def config(folder: Path, **values: object) -> Path:
    known: dict[str, object] = {
        "modes": 4, "truncation": "", "step": 0.1, "t1": 1.0, "run": "", "output": "",
    }
    path = folder / "four.toml"
    path.write_text(CONFIG.format(**known | values), encoding="utf-8")
    return path


def call(*arguments: object):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def one_line(text: str) -> str:
    """The text, which must be a single line without a traceback."""
    assert text.endswith("\n") and text.count("\n") == 1, text
    assert "Traceback" not in text
    return text


def failing(error: BaseException, after: float):
    """A method's step that fails after a time."""
    sound = tlr.AugmentedBUG.step

    def step(self, F, t0, t1, Y, record):
        if t0 >= after:
            raise error
        return sound(self, F, t0, t1, Y, record)

    return step


def test_integrate_writes_file_and_picture_and_says_so(tmp_path):
    path, out = config(tmp_path), tmp_path / "new" / "folder"
    result = call("integrate", path, "--output", out)
    assert result.exit_code == 0
    assert "completed: reached t = 1" in result.stdout
    assert f"wrote {out / 'four.h5'}" in result.stdout
    assert f"wrote {out / 'four.png'}" in result.stdout
    assert sorted(p.name for p in out.iterdir()) == ["four.h5", "four.png"]
    stored = load_solution(out / "four.h5")
    magnetisation = stored.solution.observables["magnetisation"]
    assert magnetisation[-1] == pytest.approx(0.135077479856, abs=1e-3)
    assert stored.metadata["config_source"] == path.read_text(encoding="utf-8")
    assert json.loads(stored.metadata["config"])["output"]["directory"] == str(out)


def test_quiet_says_nothing_and_output_table_is_followed(tmp_path):
    output = f"directory = '{tmp_path / 'there'}'\nname = 'five'\npicture = false"
    result = call("integrate", config(tmp_path, output=output), "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert [p.name for p in (tmp_path / "there").iterdir()] == ["five.h5"]


@pytest.mark.parametrize(("values", "message"), [
    ({"modes": '"4"'}, "four.toml: problem.modes: must be an integer, not '4'"),
    ({"truncation": "maxrank = 3"}, "truncation.maxrank: no such key (did you mean 'max_rank'?)"),
    ({"truncation": "min_rank = 0"}, "four.toml: truncation: min_rank must be at least 1"),
    ({"step": "["}, "four.toml: not TOML"),
])
def test_bad_configuration_is_one_line_and_two(tmp_path, values, message):
    result = call("integrate", config(tmp_path, **values), "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert message in one_line(result.stderr)
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_bad_paths_are_one_line_and_two(tmp_path):
    result = call("integrate", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "none.toml: No such file or directory" in one_line(result.stderr)
    path = config(tmp_path)
    result = call("integrate", path, "--output", path)
    assert result.exit_code == 2
    assert "four.toml: File exists" in one_line(result.stderr)


@pytest.mark.parametrize(("error", "code", "status"), [
    (FloatingPointError("overflow"), 1, "failed"),
    (KeyboardInterrupt(), 130, "interrupted"),
])
def test_what_was_reached_is_saved(tmp_path, monkeypatch, error, code, status):
    monkeypatch.setattr(tlr.AugmentedBUG, "step", failing(error, 0.35))
    result = call("integrate", config(tmp_path), "--output", tmp_path, "--quiet")
    assert result.exit_code == code
    assert "t = 0.4" in one_line(result.stderr)
    kept = tlr.Solution.load(tmp_path / "four.h5")
    assert (kept.status, kept.times[-1]) == (status, pytest.approx(0.4))
    assert (tmp_path / "four.png").exists()


def test_interrupt_outside_the_run(tmp_path, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plotting, "plot_solution", interrupt)
    result = call("integrate", config(tmp_path), "--output", tmp_path, "--quiet")
    assert result.exit_code == 130
    assert "interrupted" in one_line(result.stderr)
    assert tlr.Solution.load(tmp_path / "four.h5").success


def test_rank_cap_is_one_line(tmp_path):
    path = config(tmp_path, truncation="max_rank = 2")
    result = call("integrate", path, "--output", tmp_path, "--quiet")
    assert result.exit_code == 0
    assert one_line(result.stderr).startswith("warning: max_rank = 2 cut")


def test_no_matplotlib_costs_the_picture_alone(tmp_path, monkeypatch):
    def missing(*_: object, **__: object) -> None:
        raise ImportError("pictures need matplotlib")

    monkeypatch.setattr(plotting, "plot_solution", missing)
    result = call("integrate", config(tmp_path), "--output", tmp_path, "--quiet")
    assert result.exit_code == 0
    assert "no picture: pictures need matplotlib" in one_line(result.stderr)
    assert (tmp_path / "four.h5").exists()


def test_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "four.h5")

    monkeypatch.setattr(os, "replace", full)
    result = call("integrate", config(tmp_path), "--output", tmp_path, "--quiet")
    assert result.exit_code == 1
    assert "four.h5: No space left" in one_line(result.stderr)
    assert [p.name for p in tmp_path.iterdir()] == ["four.toml"]


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    """A folder of experiments in the current directory, none beside the package."""
    folder = tmp_path / "paper_repro"
    folder.mkdir()
    for name, text in {
        "__init__": "", "common": "def run(output, full=False): return 0",
        "notes": "TITLE = 'no run'", "wrong": "TITLE = (",
        "sound": "TITLE = 'A sound one'\nfrom paper_repro import common\n"
                 "def run(output, full=False):\n"
                 "    (output / f'full={full}').write_text('')\n    return 0",
        "unsound": "TITLE = 'An unsound one'\ndef run(output, full=False): return 2",
        "unmet": "TITLE = 'Needs more'\nimport not_installed_anywhere\n"
                 "def run(output, full=False): return 0",
    }.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(reproductions, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    monkeypatch.chdir(tmp_path)
    before = {k: v for k, v in sys.modules.items() if k.split(".")[0] == "paper_repro"}
    yield folder
    for name in [k for k in sys.modules if k.split(".")[0] == "paper_repro"]:
        del sys.modules[name]
    sys.modules.update(before)


def test_list_of_experiments(experiments):
    result = call("reproduce", "--list")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "sound    A sound one", "unmet    Needs more", "unsound  An unsound one",
    ]


def test_reproduce_runs_and_reports(experiments, tmp_path):
    path = list(sys.path)
    result = call("reproduce", "sound", "--full")
    assert result.exit_code == 0
    assert (tmp_path / "output" / "sound" / "full=True").exists()
    result = call("reproduce", "unsound", "--output", tmp_path / "x")
    assert result.exit_code == 1
    assert "verdicts failed in unsound" in one_line(result.stderr)
    (experiments / "unmet.py").unlink()
    result = call("reproduce", "--all", "--output", tmp_path / "y")
    assert result.exit_code == 1
    assert sorted(p.name for p in (tmp_path / "y").iterdir()) == ["sound", "unsound"]
    assert (tmp_path / "y" / "sound" / "full=False").exists()
    assert sys.path == path


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["sond"], 2, "no experiment 'sond' (did you mean 'sound'?); there are sound, unmet"),
    (["common"], 2, "no experiment 'common'"),
    ([], 2, "give one experiment or --all; there are sound"),
    (["sound", "--all"], 2, "give one experiment or --all"),
    (["unmet"], 1, "unmet: No module named 'not_installed_anywhere'"),
    (["sound", "--output", "paper_repro/sound.py"], 2, "Not a directory"),
])
def test_reproduce_refuses_in_one_line(experiments, arguments, code, message):
    result = call("reproduce", *arguments)
    assert result.exit_code == code
    assert message in one_line(result.stderr)


def test_no_experiments_at_all(experiments):
    for path in experiments.glob("*.py"):
        path.unlink()
    result = call("reproduce", "--list")
    assert result.exit_code == 2
    assert "the experiments come with the repository" in one_line(result.stderr)


def test_repository_has_the_papers():
    result = call("reproduce", "--list")
    assert result.exit_code == 0
    assert "2412.00858" in result.stdout
    assert "2104.05247" in result.stdout


def test_info():
    result = call("info")
    assert result.exit_code == 0
    for text in (tlr.__version__, "numpy", "BLAS", "ParallelBUG", "2412.00858", "AugmentedBUG"):
        assert text in result.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["integrate"], ["info", "--nonsense"]])
def test_wrong_usage(arguments):
    result = call(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.output


def run_module(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tensorflowlr", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_module_in_a_process_of_its_own(tmp_path):
    with run_module("integrate", config(tmp_path, step=-1)) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert "run.step: must be positive, not -1.0" in one_line(err.decode())


@pytest.mark.parametrize("wish", [signal.SIGINT, signal.SIGTERM], ids=lambda wish: wish.name)
def test_a_signal_saves_what_is_there(tmp_path, wish):
    path = config(tmp_path, t1=1e5)
    with run_module("integrate", path, "--output", tmp_path) as process:
        assert process.stderr is not None
        seen = b""
        while b"rank=" not in seen:
            seen += os.read(process.stderr.fileno(), 4096) or b"rank="
        process.send_signal(wish)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert b"interrupted: stopped at t = " in out
    kept = tlr.Solution.load(tmp_path / "four.h5")
    assert kept.status == "interrupted"
    assert kept.times[-1] > 0.0


def test_command_line_loads_no_heavy_library():
    code = ("import sys, tensorflowlr.cli;"
            "print([m for m in ('h5py', 'matplotlib', 'torch', 'tqdm') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True, timeout=60)
    assert done.stdout.strip() == "[]"


CHECKPOINT = "checkpoint = { steps = 2 }"


def test_a_killed_run_goes_on_from_its_file_alone(tmp_path, monkeypatch):
    path = config(tmp_path, run=CHECKPOINT)
    assert call("integrate", path, "--output", tmp_path / "whole", "--quiet").exit_code == 0
    with monkeypatch.context() as patch:
        patch.setattr(tlr.AugmentedBUG, "step", failing(KeyboardInterrupt(), 0.35))
        assert call("integrate", path, "--output", tmp_path / "part", "--quiet").exit_code == 130
    (tmp_path / "part" / "four.png").unlink()
    result = call("resume", tmp_path / "part" / "four.h5")
    assert result.exit_code == 0
    assert "completed: reached t = 1" in result.stdout
    assert sorted(p.name for p in (tmp_path / "part").iterdir()) == ["four.h5", "four.png"]
    one, two = (load_solution(tmp_path / name / "four.h5") for name in ("whole", "part"))
    assert one.metadata["config_source"] == two.metadata["config_source"]
    for name, values in one.solution.observables.items():
        assert np.array_equal(two.solution.observables[name], values)
    for a, b in zip(one.solution.final.cores, two.solution.final.cores, strict=True):
        assert np.array_equal(a, b)
    again = call("resume", tmp_path / "part" / "four.h5", "--until", "1.2", "--quiet")
    assert (again.exit_code, again.stdout) == (0, "")
    assert tlr.Solution.load(tmp_path / "part" / "four.h5").times[-1] == 1.2


def test_resume_refuses_in_one_line(tmp_path):
    path = config(tmp_path)
    assert call("integrate", path, "--output", tmp_path, "--quiet").exit_code == 0
    for arguments, message in [
        ((tmp_path / "none.h5",), "none.h5: No such file"),
        ((path,), "four.toml: no solution of tensorflowlr"),
        ((tmp_path / "four.h5",), "without a checkpoint of its run"),
    ]:
        result = call("resume", *arguments)
        assert result.exit_code == 2
        assert message in one_line(result.stderr)


def test_a_disk_that_is_full_at_the_end_is_said(tmp_path, monkeypatch):
    sound = checkpoint.save_solution

    def full(path, solution, **options):
        if solution.success:
            raise OSError(28, "No space left on device")
        sound(path, solution, **options)

    monkeypatch.setattr(checkpoint, "save_solution", full)
    result = call("integrate", config(tmp_path, run=CHECKPOINT), "--output", tmp_path, "--quiet")
    assert result.exit_code == 1
    assert "holds the run only in part; resume goes on from there" in result.stderr


@pytest.mark.parametrize(
    "options, environment, found",
    [([], {}, 1), (["--threads", "2"], {}, 2), (["--threads", "1"], {"OMP_NUM_THREADS": "2"}, 1),
     ([], {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}, 2)],
)
def test_threads_of_the_linear_algebra(options, environment, found):
    known = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", "from tensorflowlr.cli import main; main()", *options, "info"],
        env=known | environment, capture_output=True, text=True, check=True,
    )
    counts = [line.rpartition("threads: ")[2] for line in done.stdout.splitlines()
              if "threads: " in line]
    # libraries use no more threads than there are processors
    assert counts and set(counts) == {str(min(found, os.cpu_count() or 1))}
