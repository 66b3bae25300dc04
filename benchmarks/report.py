"""How every benchmark leaves its result: tables on stdout, and JSON with all that is needed to repeat it."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
_PACKAGES = ("numpy", "torch", "sentence-transformers", "onnxruntime", "faiss-cpu", "faiss-gpu", "sqlalchemy")


def write(name: str, parameters: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """Print the figures and write `results/<name>.json`; a figure that is a list of dicts is a table."""
    save(name, parameters, figures)
    for figure, value in figures.items():
        if isinstance(value, list):
            print(f"\n{figure}", *table(value), sep="\n  ")
        else:
            print(f"{figure:>40}  {value}")


def save(name: str, parameters: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """Write `results/<name>.json`, for what is known so far in a long run."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(
        {
            "benchmark": name,
            "command": f"python benchmarks/{Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}".strip(),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "commit": _git("rev-parse", "HEAD"),
            "dirty": bool(_git("status", "--porcelain")),
            "machine": {
                "cpu": _cpu(),
                "cores": os.cpu_count(),
                "system": platform.platform(),
                "python": platform.python_version(),
            },
            "versions": _versions(),
            "parameters": parameters,
            "figures": figures,
        },
        indent=2,
    )
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines with a heading; the columns are the keys of all rows in the order in which they come."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [columns, *([_shown(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(RESULTS.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
