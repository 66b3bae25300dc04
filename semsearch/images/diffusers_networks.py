"""The autoencoders of the diffusers library: AutoencoderKL (Stable Diffusion, SDXL, FLUX) and AutoencoderTiny."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsearch.errors import MissingDependencyError, ModelError
from semsearch.images.model_folder import CONFIG, REMEDY, read_config
from semsearch.images.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable

# What neither the names nor the shapes of the weights say.
_BEHAVIOUR = ("act_fn", "norm_num_groups", "upsample_fn", "latents_mean", "latents_std")


def load_diffusers(folder: Path) -> Network:
    """Load the autoencoder of a folder with the class that its config.json names, if it is one of the two.

    Raises:
        MissingDependencyError: diffusers is not installed.
        ModelError: it is of another class, or config and weights do not belong together.
    """
    families: dict[str, Callable[[Path], Network]] = {"AutoencoderKL": _load_kl, "AutoencoderTiny": _load_tiny}
    family = read_config(folder).get("_class_name")
    if family not in families:
        raise ModelError(f"{folder / CONFIG} wants the class {family!r}, not one of {', '.join(families)}: {REMEDY}")
    return families[family](folder)


def _load_kl(folder: Path) -> Network:
    model = _load(folder, "AutoencoderKL")
    config = dict(model.config)
    scaling, shift = float(config["scaling_factor"]), float(config["shift_factor"] or 0)
    return Network(
        module=model,
        encode=lambda pixels: model.encode(pixels).latent_dist.mean,
        decode=lambda latents: model.decode(latents).sample,
        latent_channels=int(config["latent_channels"]),
        downscale=2 ** (len(config["block_out_channels"]) - 1),
        scaling_factor=scaling,
        shift_factor=shift,
        force_upcast=bool(config["force_upcast"]),
        behaviour=_behaviour("AutoencoderKL", config),
    )


def _load_tiny(folder: Path) -> Network:
    model = _load(folder, "AutoencoderTiny")
    config = dict(model.config)
    return Network(
        module=model,
        encode=lambda pixels: model.encode(pixels).latents,
        decode=lambda latents: model.decode(latents).sample,
        latent_channels=int(config["latent_channels"]),
        downscale=2 ** (len(config["encoder_block_out_channels"]) - 1),
        scaling_factor=float(config["scaling_factor"]),
        shift_factor=float(config["shift_factor"]),
        force_upcast=False,
        behaviour=_behaviour("AutoencoderTiny", config),
    )


def _load(folder: Path, family: str) -> Any:  # noqa: ANN401 - diffusers is not typed
    try:
        import diffusers
    except ImportError as error:
        raise MissingDependencyError("autoencoders need diffusers: pip install 'semsearch[images]'") from error
    import torch

    try:
        model, found = getattr(diffusers, family).from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            torch_dtype=torch.float32,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
    except Exception as error:  # a damaged folder fails in as many ways as the library has readers
        raise ModelError(
            f"the autoencoder in {folder} cannot be loaded ({type(error).__name__}: {error}): get it anew, or {REMEDY}"
        ) from error
    strangers = {kind: keys for kind, keys in found.items() if keys}
    if strangers:  # the library would leave weights out, and others as random numbers
        raise ModelError(f"the config and the weights in {folder} do not belong together ({strangers}): {REMEDY}")
    return model


def _behaviour(family: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"family": family, **{key: config[key] for key in _BEHAVIOUR if config.get(key) is not None}}
