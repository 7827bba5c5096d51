"""The server's text files: how it batches a model, and where it finds it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from keras_hadamard.serving._protos import message

# Read from a version when the server has `--enable_per_model_batching_parameters`; the same file
# can be named by `--batching_parameters_file`.
BATCHING = "batching_params.pbtxt"
MODELS = "models.config"
# How long the first request of a batch waits for others.
_TIMEOUT_MICROS = 1000


def batching_text(sizes: Sequence[int]) -> str:
    lines = [f"max_batch_size {{ value: {sizes[-1]} }}"]
    lines += [f"batch_timeout_micros {{ value: {_TIMEOUT_MICROS} }}"]
    lines += [f"allowed_batch_sizes: {size}" for size in sizes]
    return "\n".join(lines) + "\n"


def models_text(name: str) -> str:
    """A configuration of one model, at the place where a container has it."""
    return (
        "model_config_list {\n"
        "  config {\n"
        f'    name: "{name}"\n'
        f'    base_path: "/models/{name}"\n'
        '    model_platform: "tensorflow"\n'
        "  }\n"
        "}\n"
    )


def allowed_sizes(path: Path) -> tuple[int, ...] | None:
    """The batch sizes that a version declares, or None where it declares none.

    Raises:
        ValueError: If the server would refuse the file.
    """
    if not (path / BATCHING).is_file():
        return None
    parameters = _parsed(path / BATCHING, "BatchingParameters")
    sizes = tuple(parameters.allowed_batch_sizes)
    if not sizes or list(sizes) != sorted(set(sizes)):
        raise ValueError(f"{BATCHING}: allowed_batch_sizes {list(sizes)} do not increase")
    if sizes[-1] != parameters.max_batch_size.value:
        largest = parameters.max_batch_size.value
        raise ValueError(f"{BATCHING}: max_batch_size {largest} is not the last of {list(sizes)}")
    return sizes


def model_names(base: Path) -> list[str] | None:
    """The models that the configuration beside the versions names, or None without one.

    Raises:
        ValueError: If the server would refuse the file.
    """
    if not (base / MODELS).is_file():
        return None
    configs = _parsed(base / MODELS, "ModelServerConfig").model_config_list.config
    for config in configs:
        if not config.name or not config.base_path.startswith("/"):
            raise ValueError(f"{MODELS}: a model needs a name and an absolute base_path")
        if config.model_platform != "tensorflow":
            raise ValueError(
                f"{MODELS}: model_platform {config.model_platform!r} is not tensorflow"
            )
    if not configs:
        raise ValueError(f"{MODELS} names no model")
    return [config.name for config in configs]


def _parsed(file: Path, kind: str) -> Any:
    try:
        # Fields that are not defined here are the server's to judge.
        return text_format.Parse(file.read_text("utf-8"), message(kind), allow_unknown_field=True)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{file.name} cannot be read: {error}") from error
