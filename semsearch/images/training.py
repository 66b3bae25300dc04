"""Training an autoencoder of your own, from photographs to a folder that diffusers' AutoencoderKL loads.

The loss of a crop is the logarithm of its distortion (mean square error and a little of the error of the gradients),
so that the mean PSNR of images, hard and easy ones, is what rises; a small KL term keeps the latents near a unit
Gaussian. Matrices are stepped by Muon, everything else by AdamW; the exported weights are a running mean.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semsearch.errors import ConflictError, InvalidRequestError, MissingDependencyError
from semsearch.files import discard, publish_bytes
from semsearch.images.checkpoints import load_checkpoint, newest_checkpoint, save_checkpoint
from semsearch.images.crops import Crops
from semsearch.images.model_folder import CONFIG, WEIGHTS
from semsearch.machine import choose_device, computes_bfloat16

if TYPE_CHECKING:
    import torch

# 1/8 of the sides and 4 channels, as Stable Diffusion has them, in 5.7 million weights.
SMALL_MODEL: Mapping[str, Any] = {
    "block_out_channels": (16, 32, 96, 192),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 1,
    "mid_block_add_attention": False,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "sample_size": 512,
    "force_upcast": False,
}
_MATRIX_SIDE = 16  # below it, in or out, there is no matrix worth Muon's work
_WARM_UP, _COOL_DOWN = 100, 0.3  # steps at the beginning; share of the steps at the end
_EMA = 0.998
_KL_WEIGHT, _GRADIENT_WEIGHT = 2e-4, 0.01
_FLOOR = 0.004  # 30 dB: what is better than this counts little more
_SHEET_CROPS, _SHEET_SIZE = 6, 192
_LATENT_CROPS = 64  # whose latents give the scaling factor


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """A step that was made.

    Attributes:
        step, steps: made so far, and in all.
        psnr: of this step's crops as they came in, in dB.
    """

    step: int
    steps: int
    psnr: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to train, and with what.

    Attributes:
        steps: in all, those of an earlier run included.
        batch, crop: crops a step, and pixels of their sides, a multiple of what a latent has a place for.
        learning_rate: after the warm-up and before the cool-down, the last 30 % of the steps.
        every: steps between two checkpoints, with a sheet of samples each.
        seed: of the weights, the crops and the noise.
    """

    steps: int
    batch: int = 8
    crop: int = 96
    learning_rate: float = 2e-3
    every: int = 500
    seed: int = 0

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rising = min(1.0, (step + 1) / _WARM_UP)
        falling = min(1.0, (self.steps - step) / (_COOL_DOWN * self.steps))
        return self.learning_rate * rising * falling


def train(
    images: Sequence[Path],
    out: Path,
    schedule: Schedule,
    *,
    model: Mapping[str, Any] = SMALL_MODEL,
    device: str = "auto",
    resume: bool = False,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> Path:
    """Train an AutoencoderKL, and give the folder with its float16 weights and config.json.

    `out` gets `checkpoints/`, `samples/` (original over reconstruction) and `model-<steps>/`. A run that was
    interrupted and resumed makes the same steps as one that was not.

    Args:
        images: files that `semsearch.images.loading` reads, at least one.
        out: a folder, made if it is not there.
        schedule: may differ between a run and the one that resumes it.
        model: arguments of diffusers' AutoencoderKL, of the first run; a resumed one goes on with its own.
        device: as for `load_autoencoder`.
        resume: continue from the newest checkpoint in `out`.
        progress: called after every step.

    Raises:
        ConflictError: `out` has a training in it, and `resume` was not asked for.
        InvalidDocumentError: a file is not an image.
        InvalidRequestError: there are no images, or the schedule cannot be.
        MissingDependencyError: the extra `images` is not installed.
        ModelError: the device is not there.
    """
    _check(schedule, model)
    found = newest_checkpoint(out)
    if found is not None and not resume:
        raise ConflictError(f"{out} has a training in it, at {found.stem}: resume it, or train into another folder")
    crops = Crops(images)
    run = _Run(schedule, model, choose_device(device), found)
    for step in range(run.step, schedule.steps):
        psnr = run.advance(crops)
        if progress is not None:
            progress(TrainingProgress(step + 1, schedule.steps, psnr))
        if (step + 1) % schedule.every == 0 or step + 1 == schedule.steps:
            run.save(out)
            run.draw_samples(out, crops)
    return run.export(out, crops)


def _check(schedule: Schedule, model: Mapping[str, Any]) -> None:
    wrong = [name for name, value in asdict(schedule).items() if name != "seed" and value <= 0]
    downscale = 2 ** (len(model["block_out_channels"]) - 1)
    if wrong or schedule.crop % downscale:
        raise InvalidRequestError(
            f"the schedule cannot be: {schedule}; all of it has to be above 0, and crop a multiple of {downscale}"
        )


class _Run:
    """A network, its running mean and its optimisers, at a step."""

    def __init__(self, schedule: Schedule, model: Mapping[str, Any], device: str, found: Path | None) -> None:
        import torch

        tensors, facts = ({}, {"step": 0, "model": dict(model)}) if found is None else load_checkpoint(found)
        self.schedule, self.device, self.step = schedule, device, int(facts["step"])
        self.config = facts["model"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(schedule.seed)
            self.network = _network(self.config)
        self.network.to(device)
        self._weights: dict[str, torch.nn.Parameter] = dict(self.network.named_parameters())
        self._matrices = {
            name: torch.nn.Parameter(weight.detach().flatten(1))  # a view: stepping it steps the weight
            for name, weight in self._weights.items()
            if weight.ndim == 4 and min(weight.shape[:2]) >= _MATRIX_SIDE
        }
        self._optimisers = self._make_optimisers()
        self._mean = {name: weight.detach().clone() for name, weight in self._weights.items()}
        if found is not None:
            self._restore(tensors)

    def advance(self, crops: Crops) -> float:
        """Make one step, and give the PSNR of its crops before it."""
        import torch

        rng = np.random.default_rng([self.schedule.seed, self.step])  # of the step: a resumed run draws the same
        batch = crops.draw(rng, self.schedule.batch, self.schedule.crop).to(self.device)
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.autocast(
            self.device.partition(":")[0], torch.bfloat16, enabled=self.device != "cpu" or computes_bfloat16()
        ):
            decoded, mean, log_variance = self._reconstruct(batch, rng)
        loss, square = _loss(decoded, batch, mean, log_variance)
        loss.backward()  # type: ignore[no-untyped-call]
        self._apply()
        return 10 * float(torch.log10(4 / square))

    def save(self, out: Path) -> None:
        tensors: dict[str, torch.Tensor] = {f"weight.{name}": weight for name, weight in self._weights.items()}
        tensors |= {f"mean.{name}": weight for name, weight in self._mean.items()}
        tensors |= dict(self._optimiser_state())
        save_checkpoint(out, self.step, tensors, {"model": self.config, "schedule": asdict(self.schedule)})

    def draw_samples(self, out: Path, crops: Crops) -> None:
        """A sheet of fixed crops, each above its reconstruction by the running mean."""
        import torch

        rng = np.random.default_rng(self.schedule.seed)
        originals = crops.draw(rng, _SHEET_CROPS, _SHEET_SIZE)
        network = self._averaged()
        with torch.no_grad():
            decoded = network.decode(network.encode(originals).latent_dist.mean).sample
        sheet = torch.cat([torch.cat(list(rows), 2) for rows in (originals, decoded)], 1)  # (3, 2 * side, n * side)
        data = _png(((sheet.clamp(-1, 1) + 1) * 127.5).round().byte().numpy())
        name = f"samples/step-{self.step:08d}.png"
        if not (out / name).exists():
            publish_bytes(out, name, data)

    def export(self, out: Path, crops: Crops) -> Path:
        """Write the running mean in float16, with the scaling factor that gives latents a variance of 1."""
        import torch
        from safetensors.torch import save

        network = self._averaged()
        with torch.no_grad():
            sample = crops.draw(np.random.default_rng(self.schedule.seed), _LATENT_CROPS, self.schedule.crop)
            latents = network.encode(sample).latent_dist.mean
        network.register_to_config(scaling_factor=round(1 / float(latents.std()), 5))
        weights = {name: weight.half().contiguous() for name, weight in network.state_dict().items()}
        folder = out / f"model-{self.step:08d}"
        if not (folder / CONFIG).exists():
            discard(folder / WEIGHTS)  # left by a run that ended between the two files
            publish_bytes(out, f"{folder.name}/{WEIGHTS}", save(weights, metadata={"format": "pt"}))
            publish_bytes(out, f"{folder.name}/{CONFIG}", network.to_json_string().encode())
        return folder

    def _reconstruct(self, crops: "torch.Tensor", rng: np.random.Generator) -> tuple["torch.Tensor", ...]:
        """Reconstructions of a sample of the posterior, and the posterior's mean and logarithm of the variance."""
        import torch

        posterior = self.network.encode(crops).latent_dist
        mean, log_variance = posterior.mean.float(), posterior.logvar.float()
        noise = torch.from_numpy(rng.standard_normal(mean.shape, dtype=np.float32)).to(self.device)
        decoded = self.network.decode(mean + (log_variance / 2).exp() * noise).sample
        return decoded.float(), mean, log_variance

    def _make_optimisers(self) -> dict[str, "torch.optim.Optimizer"]:
        import torch

        rest = [weight for name, weight in self._weights.items() if name not in self._matrices]
        return {
            "muon": torch.optim.Muon(self._matrices.values(), weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
            "adamw": torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=0.0),
        }

    def _apply(self) -> None:
        import torch

        for name, matrix in self._matrices.items():
            gradient = self._weights[name].grad
            matrix.grad = None if gradient is None else gradient.flatten(1)
        for optimiser in self._optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = self.schedule.rate(self.step)
            optimiser.step()
        for weight in self._weights.values():
            weight.grad = None
        self.step += 1
        decay = min(_EMA, self.step / (self.step + 10))
        with torch.no_grad():
            for name, weight in self._weights.items():
                self._mean[name].lerp_(weight, 1 - decay)

    def _optimiser_state(self) -> Iterator[tuple[str, "torch.Tensor"]]:
        for kind, optimiser in self._optimisers.items():
            for index, state in optimiser.state_dict()["state"].items():
                for key, tensor in state.items():
                    yield f"{kind}.{index}.{key}", tensor

    def _restore(self, tensors: Mapping[str, "torch.Tensor"]) -> None:
        import torch

        states: dict[str, dict[int, dict[str, torch.Tensor]]] = {kind: {} for kind in self._optimisers}
        with torch.no_grad():
            for key, tensor in tensors.items():
                kind, rest = key.split(".", 1)
                if kind == "weight":
                    self._weights[rest].copy_(tensor)
                elif kind == "mean":
                    self._mean[rest].copy_(tensor)
                else:
                    index, name = rest.split(".", 1)
                    states[kind].setdefault(int(index), {})[name] = tensor
        for kind, optimiser in self._optimisers.items():
            optimiser.load_state_dict({**optimiser.state_dict(), "state": states[kind]})

    def _averaged(self) -> Any:  # noqa: ANN401 - diffusers is not typed
        network = _network(self.config)
        network.load_state_dict(self._mean)
        return network.eval()


def _network(config: Mapping[str, Any]) -> Any:  # noqa: ANN401 - diffusers is not typed
    try:
        from diffusers import AutoencoderKL
    except ImportError as error:
        raise MissingDependencyError("autoencoders need diffusers: pip install 'semsearch[images]'") from error
    return AutoencoderKL(**config)  # type: ignore[no-untyped-call]


def _loss(
    decoded: "torch.Tensor", originals: "torch.Tensor", mean: "torch.Tensor", log_variance: "torch.Tensor"
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """The loss, and the mean square error without its gradient; both of numbers in [-1, 1]."""
    difference = decoded - originals
    square = difference.square().mean((1, 2, 3))
    edges = difference.diff(dim=2).abs().mean((1, 2, 3)) + difference.diff(dim=3).abs().mean((1, 2, 3))
    distortion = (square + _GRADIENT_WEIGHT * edges + _FLOOR).log().mean()
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).mean() / 2
    return distortion + _KL_WEIGHT * divergence, square.detach().mean()


def _png(pixels: "np.ndarray[Any, np.dtype[np.uint8]]") -> bytes:
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(data, "PNG")
    return data.getvalue()
