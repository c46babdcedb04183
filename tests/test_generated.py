"""Generated cases against dense arrays: 300 of them, or as many as GENERATED_CASES says."""

import os

import pytest
from generated_cases import run_case

COUNT = int(os.environ.get("GENERATED_CASES", "300"))


@pytest.mark.parametrize("number", range(COUNT))
def test_generated(number):
    run_case(number)
