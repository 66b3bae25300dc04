"""An autoencoder ready for use: on a device, in a precision, in batches that fit into memory."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from semsearch.errors import InvalidRequestError, ModelError
from semsearch.images.diffusers_networks import load_diffusers
from semsearch.images.model_folder import BUNDLED_MODEL, find_model, is_taef2
from semsearch.images.padding import cut_to_size, pad_to_multiple
from semsearch.images.precision import choose_precision
from semsearch.images.protocol import Images, Latents, Pixels
from semsearch.images.taef2 import load_taef2
from semsearch.machine import choose_device

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from semsearch.images.network import Network

_FINGERPRINT_SCHEME = 1
# As many images as stay in a processor's cache together, or keep a GPU busy: 4, 64 and 32 of 256 x 256
_BATCH_PIXELS = {"cpu": 1 << 18, "cuda": 1 << 22, "mps": 1 << 21}


def load_autoencoder(name: str = BUNDLED_MODEL, *, device: str = "auto", precision: str = "auto") -> "TorchAutoencoder":
    """Load an autoencoder.

    Args:
        name: the bundled model, a folder, or an id of the Hugging Face hub, such as `stabilityai/sdxl-vae`.
        device: `cuda`, `cuda:1`, `mps` or `cpu`; `auto` takes the first of them that is there.
        precision: `float32`, `bfloat16` or `float16`; `auto` takes the fastest that is safe for the model and the
            device.

    Raises:
        ConfigError: there is no such precision, or the model overflows in it.
        MissingDependencyError: the extra `images` is not installed.
        ModelError: the model cannot be found, verified or loaded, or the device is not there.
    """
    folder = find_model(name)
    network = load_taef2(folder) if is_taef2(folder) else load_diffusers(folder)
    return TorchAutoencoder(name, network, device=device, precision=precision)


class TorchAutoencoder:
    """A `semsearch.images.protocol.Autoencoder` around a network of torch; it may be shared between threads."""

    def __init__(self, name: str, network: "Network", *, device: str = "auto", precision: str = "auto") -> None:
        import torch

        self._name, self._network = name, network
        self._fingerprint = _fingerprint(network)
        self._device = choose_device(device)
        self._precision = choose_precision(precision, self._device, force_upcast=network.force_upcast)
        self._dtype: torch.dtype = getattr(torch, self._precision)
        torch.nn.Module.to(network.module, self._device, self._dtype)  # the `to` of diffusers warns about an empty list
        network.module.eval().requires_grad_(False)

    @property
    def name(self) -> str:
        return self._name

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def latent_channels(self) -> int:
        return self._network.latent_channels

    @property
    def downscale(self) -> int:
        return self._network.downscale

    @property
    def scaling_factor(self) -> float:
        return self._network.scaling_factor

    @property
    def shift_factor(self) -> float:
        return self._network.shift_factor

    @property
    def device(self) -> str:
        """Where it runs: `cuda`, `cuda:<number>`, `mps` or `cpu`."""
        return self._device

    @property
    def precision(self) -> str:
        """In which it computes: `float32`, `bfloat16` or `float16`."""
        return self._precision

    def encode(self, images: Pixels | Images) -> Latents:
        """Encode images, as `Autoencoder.encode` says; uint8, or float32 in [0, 1].

        Raises:
            InvalidRequestError: the shape, type or range is another.
            ModelError: the model's numbers overflow, or one image does not fit into memory.
        """
        _check_images(images)
        height, width = self._latent_size(images.shape[2], images.shape[3])
        shape = (self.latent_channels, height, width)
        return self._in_batches(self._encode_batch, images, shape, height * width * self.downscale**2)

    def decode(self, latents: Latents, *, size: tuple[int, int] | None = None) -> Images:
        """Decode latents, as `Autoencoder.decode` says; what lies outside [0, 1] is clipped.

        Raises:
            InvalidRequestError: the shape is another, or the latents do not cover exactly this size.
            ModelError: the model's numbers overflow, or one image does not fit into memory.
        """
        if latents.ndim != 4 or latents.shape[1] != self.latent_channels or 0 in latents.shape[2:]:
            raise InvalidRequestError(
                f"latents of this model have the shape (n, {self.latent_channels}, h, w), and these {latents.shape}"
            )
        covered = (latents.shape[2] * self.downscale, latents.shape[3] * self.downscale)
        if size is not None and self._latent_size(*size) != latents.shape[2:]:
            raise InvalidRequestError(f"latents that cover {covered} pixels cannot be decoded to the size {size}")
        images = self._in_batches(self._decode_batch, latents, (3, *covered), covered[0] * covered[1])
        return cut_to_size(images.clip(0, 1), size or covered)

    def _latent_size(self, height: int, width: int) -> tuple[int, int]:
        return -(-height // self.downscale), -(-width // self.downscale)

    def _encode_batch(self, images: Pixels | Images) -> "torch.Tensor":
        padded = pad_to_multiple(images, self.downscale)  # type: ignore[type-var]
        pixels = self._tensor(padded)
        pixels = pixels / 127.5 - 1 if images.dtype == np.uint8 else pixels * 2 - 1
        latents = self._network.encode(self._prepared(pixels)).float()
        return (latents - self.shift_factor) * self.scaling_factor

    def _decode_batch(self, latents: Latents) -> "torch.Tensor":
        unscaled = self._tensor(latents) / self.scaling_factor + self.shift_factor
        decoded = self._network.decode(self._prepared(unscaled)).float()
        return decoded / 2 + 0.5

    def _tensor(self, array: npt.NDArray[Any]) -> "torch.Tensor":
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device).float()

    def _prepared(self, numbers: "torch.Tensor") -> "torch.Tensor":
        import torch

        return numbers.to(self._dtype, memory_format=torch.channels_last)

    def _in_batches(
        self,
        step: "Callable[[npt.NDArray[Any]], torch.Tensor]",
        inputs: npt.NDArray[Any],
        shape: tuple[int, int, int],
        pixels: int,
    ) -> npt.NDArray[np.float32]:
        """`step` of all inputs, as many at once as fit; half as many wherever memory runs out."""
        outputs = np.empty((len(inputs), *shape), np.float32)
        count, start = max(1, _BATCH_PIXELS[self._device.partition(":")[0]] // pixels), 0
        while start < len(inputs):
            stop = min(start + count, len(inputs))
            try:
                outputs[start:stop] = self._step(step, inputs[start:stop])
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                if count == 1:
                    raise ModelError(
                        f"{self._name!r} needs more memory for {pixels:,} pixels than {self._device} has: "
                        "take smaller images, or another device"
                    ) from error
                count //= 2
                continue
            start = stop
        return outputs

    def _step(
        self, step: "Callable[[npt.NDArray[Any]], torch.Tensor]", inputs: npt.NDArray[Any]
    ) -> npt.NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            output = step(inputs)
            if not bool(torch.isfinite(output).all()):
                raise ModelError(
                    f"{self._name!r} gives numbers that are not finite in {self._precision}: take precision='float32'"
                )
            return output.cpu().numpy()


def _check_images(images: npt.NDArray[Any]) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape[2:] or images.dtype not in (np.uint8, np.float32):
        raise InvalidRequestError(
            "images are uint8, or float32 in [0, 1], of the shape (n, 3, H, W); "
            f"these are {images.dtype} of {images.shape}"
        )
    if images.dtype == np.float32 and len(images) and not (images.min() >= 0 and images.max() <= 1):
        raise InvalidRequestError(f"images in float32 are in [0, 1]; these are in [{images.min()}, {images.max()}]")


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out; only that of CUDA has an error of its own."""
    import torch

    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "can't allocate memory" in text


def _fingerprint(network: "Network") -> str:
    """SHA-256 of weights, as float32 whatever precision they were stored in, constants and behaviour."""
    constants = {
        "scheme": _FINGERPRINT_SCHEME,
        "scaling_factor": network.scaling_factor,
        "shift_factor": network.shift_factor,
        **network.behaviour,
    }
    digest = hashlib.sha256(json.dumps(constants, sort_keys=True, separators=(",", ":")).encode())
    for name, weight in sorted(network.module.state_dict().items()):
        digest.update(f"{name}{tuple(weight.shape)}".encode())
        digest.update(weight.float().contiguous().numpy().tobytes())
    return digest.hexdigest()
