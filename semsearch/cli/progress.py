"""The progress bar of commands that go through many documents, chunks or queries."""

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(total: int | None, unit: str, *, shown: bool) -> "tqdm[None]":
    """What is done and to do of it, per second, and the time left, on stderr."""
    from tqdm import tqdm

    size = shutil.get_terminal_size()  # a terminal that says 0 x 0 has 80 x 24
    options = {"unit": f" {unit}", "ncols": size.columns, "nrows": size.lines}
    return tqdm(total=total, file=sys.stderr, disable=not shown, **options)
