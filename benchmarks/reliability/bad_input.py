"""Figure 7: bad input at every public door and configuration key.

Runs the table of the tests: each bad call must be answered by its documented error, in words
that name the argument and show what it was, within a time limit and without a warning; each
valid but extreme input by the right number or by a refusal. Prints counts and one JSON line;
the exit code is 1 where anything else happened.

    python benchmarks/reliability/bad_input.py [--list]
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import time
import warnings
from pathlib import Path

from report import report

# isort: split
from extreme_cases import EXTREMES, judged
from refusal_cases import SECONDS, Hang, attempt, config_keys, doors, table, time_limit


def main() -> int:
    """Run all cases; the exit code is 0 where each was answered as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print every door and its count")
    options = parser.parse_args()
    started, cases = time.perf_counter(), table()
    per_door: collections.Counter[str] = collections.Counter()
    errors: collections.Counter[str] = collections.Counter()
    outcomes: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    for case in cases:
        before = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            answer = attempt(case, Path(folder))
        slowest = max(slowest, time.perf_counter() - before)
        per_door[case.door] += 1
        kinds = case.error if isinstance(case.error, tuple) else (case.error,)
        errors[" or ".join(kind.__name__ for kind in kinds)] += not answer
        outcomes[outcome(answer)] += 1
        if answer:
            print(f"{case}: {answer}")
    extremes: collections.Counter[str] = collections.Counter()
    for extreme in EXTREMES:
        answer = within_limits(extreme)
        extremes[answer if answer in ("right", "refused", "hang") else "wrong"] += 1
        if answer not in ("right", "refused"):
            print(f"{extreme}: {answer}")
    missing = sorted(doors() - set(per_door)) + sorted(
        config_keys() - {door.removeprefix("config:") for door in per_door})
    if missing:
        print(f"without a case: {', '.join(missing)}")
    if options.list:
        for door, count in sorted(per_door.items()):
            print(f"  {count:4d}  {door}")
    keys = sum("config:" in door for door in per_door)
    print(f"doors               {len(per_door) - keys} functions, classes and methods, "
          f"{keys} configuration keys, {len(missing)} without a case")
    print(f"bad calls           {len(cases)}")
    for what, count in outcomes.most_common():
        print(f"  {what:<18}{count}")
    for kind, count in errors.most_common():
        print(f"    {kind:<34}{count}")
    print(f"extreme inputs      {len(EXTREMES)}: {extremes['right']} right, "
          f"{extremes['refused']} refused, {extremes['wrong']} wrong")
    seconds = time.perf_counter() - started
    print(f"seconds             {seconds:.1f} in all, {slowest:.2f} for the slowest call, "
          f"{SECONDS:g} allowed")
    wrong_numbers = extremes["wrong"] + outcomes["accepted"]
    hangs = outcomes["hang"] + extremes["hang"]
    unclear = outcomes["undocumented"] + outcomes["unclear message"]
    return report(
        "bad_input", 7,
        bound={"wrong_numbers": 0, "hangs": 0, "undocumented_errors": 0, "doors_without_a_case": 0},
        value={
            "wrong_numbers": wrong_numbers, "hangs": hangs, "undocumented_errors": unclear,
            "doors_without_a_case": len(missing),
        },
        ok=not (wrong_numbers or hangs or unclear or missing),
        counts={
            "doors": len(per_door) - keys, "config_keys": keys, "cases": len(cases),
            "documented_errors": outcomes["documented error"], "extreme_inputs": len(EXTREMES),
            "extreme_right": extremes["right"], "extreme_refused": extremes["refused"],
        },
        slowest_seconds=round(slowest, 3),
    )


def outcome(answer: str) -> str:
    """The kind of an answer of `attempt`."""
    if not answer:
        return "documented error"
    if answer.startswith("hang"):
        return "hang"
    if answer.startswith("no error"):
        return "accepted"
    return "unclear message" if answer.startswith("message") else "undocumented"


def within_limits(extreme: object) -> str:
    """What `judged` says, or that it did not come back or warned."""
    try:
        with time_limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("error")
            return judged(extreme)
    except Hang:
        return "hang"
    except Exception as error:
        return f"undocumented {type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
