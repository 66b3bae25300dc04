"""What a command line run in a test gives back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Run:
    """Exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        return json.loads(self.out)


Cli: TypeAlias = Callable[..., Run]
Write: TypeAlias = Callable[[str, str | bytes], str]  # (path below the folder, content) to the path
