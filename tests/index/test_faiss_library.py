"""How FAISS is loaded, each time in a process of its own."""

import os
import subprocess
import sys

import pytest

from semsearch.machine import openblas_kernels

LOADS = """
import os
from semsearch.index.faiss_library import load_faiss
load_faiss()
print(os.environ.get("OPENBLAS_CORETYPE"), os.environ["OMP_WAIT_POLICY"])
from threadpoolctl import threadpool_info
print(*{each["architecture"] for each in threadpool_info() if "libopenblaso" in each["filepath"]})
"""


def loaded(**environment: str) -> list[str]:
    own = {name: value for name, value in os.environ.items() if name not in ("OPENBLAS_CORETYPE", "OMP_WAIT_POLICY")}
    done = subprocess.run(
        [sys.executable, "-c", LOADS], env=own | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(openblas_kernels() is None, reason="OpenBLAS is told nothing on this processor")
def test_faiss_multiplies_with_what_the_processor_has_and_leaves_the_environment_alone() -> None:
    environment, kernels = loaded()
    assert environment == "None passive"
    assert kernels in ("", openblas_kernels())  # another FAISS than the wheel's may have another library


@pytest.mark.skipif(openblas_kernels() is None, reason="OpenBLAS is told nothing on this processor")
def test_kernels_and_waiting_that_the_user_has_chosen_stay() -> None:
    environment, kernels = loaded(OPENBLAS_CORETYPE="Prescott", OMP_WAIT_POLICY="active")
    assert environment == "Prescott active"
    assert kernels in ("", "Prescott")
