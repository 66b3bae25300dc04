"""The progress bar of commands that go through many documents."""

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def documents_bar(total: int | None, *, shown: bool) -> "tqdm[None]":
    """Documents done and to do, per second, and the time left, on stderr."""
    from tqdm import tqdm

    size = shutil.get_terminal_size()  # a terminal that says 0 x 0 has 80 x 24
    options = {"unit": " documents", "ncols": size.columns, "nrows": size.lines}
    return tqdm(total=total, file=sys.stderr, disable=not shown, **options)
