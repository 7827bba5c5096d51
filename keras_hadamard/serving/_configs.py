"""The server's text files: how it batches a model, and where it finds it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
# Requests of the largest size that may wait at once; the server refuses what is beyond.
_WAITING = 4
# The server's own values of fields that are not given.
_MAX_BATCH_SIZE, _MAX_ENQUEUED_BATCHES = 1000, 10


@dataclass(frozen=True)
class Batching:
    """Sizes that the server pads batches to, the largest that it runs, and the largest request."""

    sizes: tuple[int, ...]
    execution: int
    largest: int


def batching_text(sizes: Sequence[int], largest: int) -> str:
    """Parameters of a server that runs batches of `sizes` and takes requests of `largest` rows.

    The server demands that the last of the allowed sizes is `max_batch_size`, also where it splits
    requests: so `largest` is one of them, though no batch is ever as large.
    """
    lines = [f"max_batch_size {{ value: {largest} }}"]
    lines += [f"batch_timeout_micros {{ value: {_TIMEOUT_MICROS} }}"]
    if largest > sizes[-1]:
        waiting = max(_MAX_ENQUEUED_BATCHES, _WAITING * math.ceil(largest / sizes[-1]))
        lines += [
            "enable_large_batch_splitting { value: true }",
            f"max_execution_batch_size {{ value: {sizes[-1]} }}",
            f"max_enqueued_batches {{ value: {waiting} }}",
        ]
    lines += [f"allowed_batch_sizes: {size}" for size in sorted({*sizes, largest})]
    return "\n".join(lines) + "\n"


def models_text(name: str, base: str | None = None, version: int | None = None) -> str:
    """A configuration of one model: at the place where a container has it, the latest version."""
    config = message("ModelServerConfig")
    model = config.model_config_list.config.add(
        name=name, base_path=base or f"/models/{name}", model_platform="tensorflow"
    )
    if version is not None:
        model.model_version_policy.specific.versions.append(version)
    return str(text_format.MessageToString(config, as_utf8=True))


def batching(path: Path) -> Batching | None:
    """The batching that a version declares, or None where it declares none.

    Raises:
        ValueError: If the server would refuse the file, or each request of the largest size.
    """
    if not (path / BATCHING).is_file():
        return None
    parameters = _parsed(path / BATCHING, "BatchingParameters")
    largest = _value(parameters, "max_batch_size", _MAX_BATCH_SIZE)
    splits = parameters.enable_large_batch_splitting.value
    execution = _value(parameters, "max_execution_batch_size", largest) if splits else largest
    waiting = _value(parameters, "max_enqueued_batches", _MAX_ENQUEUED_BATCHES)
    sizes = tuple(parameters.allowed_batch_sizes)
    for complaint in _complaints(parameters, sizes, largest, execution, waiting):
        raise ValueError(f"{BATCHING}: {complaint}")
    return Batching(tuple(size for size in sizes if size <= execution), execution, largest)


def _value(parameters: Any, field: str, default: int) -> int:
    return int(getattr(parameters, field).value) if parameters.HasField(field) else default


def _complaints(
    parameters: Any, sizes: Sequence[int], largest: int, execution: int, waiting: int
) -> Iterator[str]:
    """What the server would say against the parameters."""
    splits = execution < largest
    if list(sizes) != sorted(set(sizes)) or any(size < 1 for size in sizes):
        yield f"allowed_batch_sizes {list(sizes)} do not increase"
    if sizes and sizes[-1] != largest:
        yield f"max_batch_size {largest} is not the last of allowed_batch_sizes {list(sizes)}"
    if sizes and splits and execution not in sizes:
        yield (
            f"max_execution_batch_size {execution} is not among allowed_batch_sizes "
            f"{list(sizes)}: batches would be padded beyond it"
        )
    if largest < 1 or execution < 1:
        yield f"max_batch_size {largest} and max_execution_batch_size {execution} are not positive"
    if execution > largest:
        yield f"max_execution_batch_size {execution} is above max_batch_size {largest}"
    if parameters.batch_timeout_micros.value < 0:
        yield f"batch_timeout_micros {parameters.batch_timeout_micros.value} is negative"
    # Without splitting the server reads 0 as 1.
    if waiting < 0 or (waiting == 0 and parameters.enable_large_batch_splitting.value):
        yield f"max_enqueued_batches {waiting} is not positive"
    if parameters.HasField("num_batch_threads") and parameters.num_batch_threads.value < 1:
        yield f"num_batch_threads {parameters.num_batch_threads.value} is not positive"
    if splits and waiting * execution < largest:
        yield (
            f"max_enqueued_batches {waiting} batches of {execution} have no room for a request of "
            f"max_batch_size {largest}"
        )


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
