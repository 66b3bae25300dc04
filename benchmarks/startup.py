"""Where the time of a command goes before it does anything: imports, `--help`, and a cold search beside its floor.

The floor is what any search with this model in torch has to pay: importing sentence_transformers and loading the
model. Every command is a process of its own, run in turn, and the median of its runs is what is reported.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from report import write

SEMSEARCH = [sys.executable, "-m", "semsearch"]
IMPORT_ST = "import sentence_transformers"
LOAD = (
    "from sentence_transformers import SentenceTransformer\n"
    "from semsearch.embedders.model_folder import find_model\n"
    "SentenceTransformer(str(find_model('all-MiniLM-L6-v2')), device='cpu', local_files_only=True)"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--collection", default="python-docs", help="a collection that is there (make demo makes it)")
    arguments = parser.parse_args()
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import semsearch": [sys.executable, "-c", "import semsearch"],
        "semsearch --help": [*SEMSEARCH, "--help"],
        "semsearch list COLLECTION": [*SEMSEARCH, "list", arguments.collection],
        "import torch": [sys.executable, "-c", "import torch"],
        "import sentence_transformers": [sys.executable, "-c", IMPORT_ST],
        "floor: import and load the model": [sys.executable, "-c", LOAD],
        "semsearch search, cold": [*SEMSEARCH, "search", arguments.collection, "wait for several threads"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(arguments.runs):
        for name, command in commands.items():
            times[name].append(seconds(command))
    figures: dict[str, object] = {name: f"{statistics.median(some):.2f} s" for name, some in times.items()}
    pairs = zip(times["semsearch search, cold"], times["floor: import and load the model"], strict=True)
    figures["cold search / floor, median of pairs"] = round(statistics.median(a / b for a, b in pairs), 3)
    write("startup", vars(arguments), figures)


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1], env=os.environ)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
