"""Wall time of the stages of one query."""

import time


class Stopwatch:
    """Milliseconds a stage, in the order in which the stages first ran."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    def stage(self, name: str) -> "_Stage":
        """A context manager that adds the time its block takes to this stage."""
        return _Stage(self.milliseconds, name)


class _Stage:
    def __init__(self, milliseconds: dict[str, float], name: str) -> None:
        self._milliseconds, self._name = milliseconds, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        spent = (time.perf_counter() - self._start) * 1_000
        self._milliseconds[self._name] = round(self._milliseconds.get(self._name, 0.0) + spent, 3)
