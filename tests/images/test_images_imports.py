"""What the modules for images load, and what is said where their libraries are not installed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from images.image_files import encoded, scene

import semsearch
from semsearch.errors import MissingDependencyError
from semsearch.images.autoencoder import load_autoencoder
from semsearch.images.loading import fit_square, load_image
from semsearch.images.training import Schedule, train

HEAVY = ["torch", "diffusers", "PIL", "transformers", "safetensors", "tqdm"]


def test_importing_the_modules_for_images_loads_none_of_their_libraries() -> None:
    modules = [path.stem for path in (Path(semsearch.__file__).parent / "images").glob("*.py") if path.stem[0] != "_"]
    code = "".join(f"import semsearch.images.{name}\n" for name in modules)
    code += f"import sys\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(modules) >= 10
    assert done.stdout.strip() == "[]"


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(scene())
    monkeypatch.setitem(sys.modules, "PIL", None)
    for call in (lambda: load_image(data), lambda: fit_square(scene().transpose(2, 0, 1))):
        with pytest.raises(MissingDependencyError, match=r"semsearch\[images\]"):
            call()


def test_without_diffusers_the_extra_is_named(
    folder_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(folder_of("kl"))
    monkeypatch.setitem(sys.modules, "diffusers", None)
    for call in (lambda: load_autoencoder(folder), lambda: train([tmp_path / "a.png"], tmp_path, Schedule(steps=1))):
        with pytest.raises(MissingDependencyError, match=r"semsearch\[images\]"):
            call()
