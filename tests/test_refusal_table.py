"""Bad input at every public door and configuration key: the documented error, clearly worded."""

from __future__ import annotations

import pytest
from extreme_cases import EXTREMES, judged
from refusal_cases import attempt, table
from refusal_doors import HAS_TORCH, INSIDE, RESULTS, config_keys, doors, entrances

CASES = table()


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c}" for i, c in enumerate(CASES)])
def test_refused_in_words_that_name_the_argument(case, tmp_path):
    assert attempt(case, tmp_path) == ""


@pytest.mark.parametrize("case", EXTREMES, ids=str)
def test_extreme_input_is_right_or_refused(case):
    assert judged(case) in ("right", "refused")


def test_no_door_without_a_row():
    rows = {case.door for case in CASES}
    assert sorted(doors() - rows) == []


def test_no_configuration_key_without_a_row():
    rows = {case.door.removeprefix("config:") for case in CASES if "config:" in case.door}
    assert sorted(config_keys() - rows) == []


def test_no_row_for_a_door_that_is_gone():
    rows = {case.door for case in CASES if "config" not in case.door}
    inherited = {"LowRankMatrix.from_dense", "TensorTrain.from_dense", "TuckerTensor.from_dense",
                 *(f"nn.TuckerConv{n}d.{name}" for n in (1, 2, 3)
                   for name in ("from_dense", "forward"))}
    assert sorted(rows - doors() - inherited) == []


def test_nothing_is_left_out_that_is_gone():
    left_out = {n for n in (*INSIDE, *RESULTS) if HAS_TORCH or not n.startswith("nn.")}
    assert sorted(left_out - entrances()) == []
