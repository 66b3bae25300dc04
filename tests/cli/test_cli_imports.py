"""What the command line loads before a command needs it: next to nothing."""

import subprocess
import sys

import pytest

HEAVY = ["torch", "transformers", "sentence_transformers", "sqlalchemy", "fastapi", "uvicorn", "faiss", "tqdm", "rich"]


def loaded_by(code: str) -> set[str]:
    """Those of the heavy modules that are loaded after `code` ran in a new process."""
    script = f"{code}\nimport sys\nprint('loaded:', *(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_importing_semsearch_loads_nothing_heavy() -> None:
    assert loaded_by("import semsearch") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["--version"], ["search"]])
def test_help_version_and_usage_errors_load_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_by(f"from semsearch.cli.main import main; main({arguments})") == set()


def test_listing_the_collections_loads_no_model_and_no_index(tmp_path: object) -> None:
    arguments = ["--indexes", str(tmp_path), "list"]
    loaded = loaded_by(f"from semsearch.cli.main import main; main({arguments})")
    assert loaded.isdisjoint({"torch", "transformers", "sentence_transformers", "faiss", "fastapi"})
    assert "sqlalchemy" in loaded  # the test can tell


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "semsearch", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("semsearch ")
