"""Runs killed by signal 9 go on bit for bit; `benchmarks/reliability/crash_safety.py` kills 100."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks" / "reliability"))

from crash_safety import crashes


def test_killed_runs_go_on_bit_for_bit():
    found = crashes(3, seed=1)
    assert [trial.kills for trial in found] == [1, 2]
    assert all(trial.identical for trial in found)
