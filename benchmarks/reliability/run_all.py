"""All figures of reliability, one after another; their JSON lines go to docs/reliability.jsonl.

    python benchmarks/reliability/run_all.py [NAME ...]

The exit code is 1 where a promise does not hold. With names, only the lines of those figures
are replaced.
"""

from __future__ import annotations

import json
import subprocess
import sys

from report import ROOT

from tensorflowlr.io import replacing

HERE = ROOT / "benchmarks" / "reliability"
LINES = ROOT / "docs" / "reliability.jsonl"
# in the order of their numbers
FIGURES = ("orders", "small_singular_values", "orthonormality", "rounding", "invariants",
           "bad_input", "crash_safety", "agreement", "symmetric_exact", "gradients")


def main(names: list[str]) -> int:
    """Run, show what was printed, keep the lines."""
    unknown = set(names) - set(FIGURES)
    if unknown:
        print(f"no figure {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
        return 2
    lines = {}
    if LINES.exists():
        lines = {json.loads(line)["name"]: line for line in LINES.read_text().splitlines()}
    failed = []
    for name in names or FIGURES:
        done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], stdout=subprocess.PIPE,
                              text=True, check=False)
        print(f"# {name}\n\n{done.stdout}", flush=True)
        found = [line for line in done.stdout.splitlines() if line.startswith('{"name"')]
        if done.returncode or not found:
            failed.append(name)
        if found:
            lines[name] = found[-1]
    with replacing(LINES) as temporary:
        temporary.write_text("".join(f"{lines[n]}\n" for n in FIGURES if n in lines))
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
