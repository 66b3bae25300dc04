"""How every benchmark leaves its result: a line a figure on stdout, and JSON with all that is needed to repeat it."""

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
_PACKAGES = ("numpy", "torch", "sentence-transformers", "faiss-cpu", "sqlalchemy")


def write(name: str, parameters: dict[str, Any], figures: dict[str, Any]) -> None:
    """Print the figures and write `results/<name>.json`."""
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
            "versions": {package: version(package) for package in _PACKAGES},
            "parameters": parameters,
            "figures": figures,
        },
        indent=2,
    )
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    for figure, value in figures.items():
        print(f"{figure:>40}  {value}")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
