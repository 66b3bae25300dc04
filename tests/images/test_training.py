"""Training: it learns, it can be interrupted, and what it leaves can be loaded."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from images.image_files import NARROW, write_photographs
from PIL import Image
from safetensors.torch import load_file

from semsearch.errors import ConflictError, CorruptStoreError, InvalidDocumentError, InvalidRequestError, ModelError
from semsearch.files import armed
from semsearch.images.autoencoder import load_autoencoder
from semsearch.images.crops import Crops
from semsearch.images.model_folder import WEIGHTS
from semsearch.images.training import Schedule, TrainingProgress, train

SHORT = Schedule(steps=6, batch=2, crop=32, every=2)
WIDE = {**NARROW, "block_out_channels": (8, 16, 16, 16)}  # some of its weights are matrices for Muon


def run(out: Path, schedule: Schedule = SHORT, *, resume: bool = False, images: list[Path] | None = None) -> Path:
    paths = write_photographs(out.parent / "photographs") if images is None else images
    return train(paths, out, schedule, model=WIDE, device="cpu", resume=resume)


class Interruption(Exception):
    """What ends a run in the middle."""


def interrupted_at(step: int) -> object:
    def stop(progress: TrainingProgress) -> None:
        if progress.step == step:
            raise Interruption

    return stop


def test_a_run_leaves_checkpoints_samples_and_a_model_in_float16(tmp_path: Path) -> None:
    model = run(tmp_path / "out")
    assert model == tmp_path / "out" / "model-00000006"
    assert {weight.dtype.itemsize for weight in load_file(model / WEIGHTS).values()} == {2}
    names = sorted(path.name for path in (tmp_path / "out" / "checkpoints").iterdir())
    assert names == [f"step-0000000{step}.{kind}" for step in (4, 6) for kind in ("json", "safetensors")]
    with Image.open(tmp_path / "out" / "samples" / "step-00000006.png") as sheet:
        assert sheet.size == (6 * 192, 2 * 192)


def test_the_model_can_be_loaded_and_its_latents_have_a_variance_of_about_1(tmp_path: Path) -> None:
    loaded = load_autoencoder(str(run(tmp_path / "out")), device="cpu", precision="float32")
    crops = Crops(write_photographs(tmp_path / "photographs")).draw(np.random.default_rng(1), 16, 32)
    latents = loaded.encode((crops.numpy() / 2 + 0.5).clip(0, 1))
    assert loaded.scaling_factor != pytest.approx(1.0, abs=0.05)
    assert 0.7 < latents.std() < 1.4


def test_training_raises_the_psnr(tmp_path: Path) -> None:
    reached: list[float] = []
    paths = write_photographs(tmp_path / "photographs")
    schedule = Schedule(steps=40, batch=4, crop=32, every=40)
    train(paths, tmp_path / "out", schedule, model=WIDE, device="cpu", progress=lambda each: reached.append(each.psnr))
    assert len(reached) == 40
    assert np.mean(reached[-10:]) > np.mean(reached[:10]) + 1  # observed: +1.7 dB


def test_a_run_that_was_interrupted_and_resumed_makes_the_same_model(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    paths = write_photographs(tmp_path / "photographs")
    with pytest.raises(Interruption):
        train(paths, tmp_path / "out", SHORT, model=WIDE, device="cpu", progress=interrupted_at(5))
    resumed = run(tmp_path / "out", resume=True)
    assert (resumed / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()


def test_a_crash_between_the_files_of_a_checkpoint_costs_the_steps_since_the_one_before(tmp_path: Path) -> None:
    passed = 0

    def crash() -> None:
        nonlocal passed
        passed += 1
        if passed == 5:  # weights and JSON of step 2, its sheet, weights of step 4: its JSON
            raise Interruption

    with armed("publish.written", crash), pytest.raises(Interruption):
        run(tmp_path / "out")
    assert [path.stem for path in (tmp_path / "out" / "checkpoints").glob("*.json")] == ["step-00000002"]
    whole, resumed = run(tmp_path / "whole"), run(tmp_path / "out", resume=True)
    assert (resumed / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()


def test_a_finished_run_can_be_given_more_steps(tmp_path: Path) -> None:
    run(tmp_path / "out")
    longer = run(tmp_path / "out", replace(SHORT, steps=8), resume=True)
    assert longer.name == "model-00000008"
    assert json.loads((tmp_path / "out/checkpoints/step-00000008.json").read_text())["schedule"]["steps"] == 8


def test_another_training_in_the_folder_is_not_overwritten(tmp_path: Path) -> None:
    run(tmp_path / "out")
    with pytest.raises(ConflictError, match=r"step-00000006: resume it"):
        run(tmp_path / "out")


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    run(tmp_path / "out")
    (tmp_path / "out" / "checkpoints" / "step-00000006.safetensors").write_bytes(b"\x08")
    with pytest.raises(CorruptStoreError, match="step-00000006"):
        run(tmp_path / "out", replace(SHORT, steps=8), resume=True)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    schedule = Schedule(steps=1_000, learning_rate=1.0)
    assert [schedule.rate(step) for step in (0, 49, 99, 699, 850, 999)] == pytest.approx(
        [0.01, 0.5, 1.0, 1.0, 0.5, 1 / 300]
    )


@pytest.mark.parametrize("change", [{"steps": 0}, {"crop": 30}, {"batch": -1}, {"learning_rate": 0.0}, {"every": 0}])
def test_a_schedule_that_cannot_be_is_refused(change: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="schedule cannot be"):
        run(tmp_path / "out", replace(SHORT, **change))


def test_no_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="at least one"):
        run(tmp_path / "out", images=[])


def test_a_file_that_is_no_image_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(InvalidDocumentError, match=r"notes\.txt"):
        run(tmp_path / "out", images=[tmp_path / "notes.txt"])


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'tpu' is not available"):
        train(write_photographs(tmp_path), tmp_path / "out", SHORT, model=WIDE, device="tpu")


def test_crops_have_the_size_asked_for_from_images_smaller_than_it(tmp_path: Path) -> None:
    crops = Crops(write_photographs(tmp_path)).draw(np.random.default_rng(0), 5, 128)
    assert crops.shape == (5, 3, 128, 128)
    assert crops.min() >= -1
    assert crops.max() <= 1
