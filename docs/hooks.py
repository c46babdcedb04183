"""The gallery: before the site is built, every example draws its picture."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from pathlib import Path
from typing import Any


def on_pre_build(config: Any) -> None:
    """Run the examples whose pictures are missing or older than they are."""
    docs = Path(config["docs_dir"])
    for source in sorted((docs.parent / "examples").glob("*.py")):
        picture = docs / "gallery" / f"{source.stem}.png"
        if picture.exists() and picture.stat().st_mtime > source.stat().st_mtime:
            continue
        spec = importlib.util.spec_from_file_location(source.stem, source)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except ModuleNotFoundError:
            # an optional library is not there: the picture that came along stays
            if not picture.exists():
                raise
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            module.main(picture.parent)
    for leftover in (docs / "gallery").glob("*.h5"):
        leftover.unlink()
