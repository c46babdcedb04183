"""Bad input at the doors for factorised networks: the documented error, clearly worded."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from refusal_cases import attempt
from refusal_nn import CASES


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c}" for i, c in enumerate(CASES)])
def test_refused_in_words_that_name_the_argument(case, tmp_path):
    assert attempt(case, tmp_path) == ""
