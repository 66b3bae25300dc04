"""Wall time of the stages of one query."""

import contextlib
import time
from collections.abc import Iterator


class Stopwatch:
    """Milliseconds a stage, in the order in which the stages first ran."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to this stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - start) * 1_000
            self.milliseconds[name] = round(self.milliseconds.get(name, 0.0) + spent, 3)
