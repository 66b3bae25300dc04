"""The package as it is imported."""

import subprocess
import sys

import semsearch

HEAVY = {"numpy", "torch", "sentence_transformers", "transformers", "sqlalchemy", "fastapi", "faiss", "tokenizers"}


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_importing_semsearch_loads_nothing_heavy() -> None:
    assert not modules_after("import semsearch") & HEAVY


def test_opening_a_collection_needs_no_model_code() -> None:
    assert not modules_after("import semsearch; semsearch.Collection") & (HEAVY - {"numpy", "sqlalchemy"})


def test_what_is_exported_is_there_and_sorted() -> None:
    assert semsearch.__all__ == sorted(semsearch.__all__)
    assert set(semsearch.__all__) <= set(dir(semsearch))
    for name in semsearch.__all__:
        assert getattr(semsearch, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(semsearch, "Collections")
