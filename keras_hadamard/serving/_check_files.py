"""Checks of the files beside a SavedModel: warm-up requests, batching, labels, configuration."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import tensorflow as tf

from keras_hadamard.serving import _configs, _warmup
from keras_hadamard.serving._loader import Calls
from keras_hadamard.serving._signatures import LABELS
from keras_hadamard.serving.report import CheckItem

Specs = Mapping[str, Mapping[str, tf.TensorSpec]]


def warm_up(path: Path, specs: Specs) -> tuple[CheckItem | None, Calls]:
    """The errors of the requests, and the requests as calls of the loader."""
    calls: Calls = {}
    if not (path / _warmup.FILE).is_file():
        return None, calls
    count = 0
    try:
        for signature, inputs in _warmup.read(path):
            count += 1
            if signature not in specs:
                raise ValueError(f"request {count} is for {signature!r}, which is not a signature")
            batch = _fitting(inputs, specs[signature], count)
            calls.setdefault(f"{signature}@warm-up", {})[batch] = inputs
    except ValueError as error:
        return CheckItem("warm-up", False, " ".join(str(error).split())), {}
    if not 0 < count <= _warmup.MOST_REQUESTS:
        most = _warmup.MOST_REQUESTS
        return CheckItem("warm-up", False, f"{count} requests, of at most {most}"), {}
    return None, calls


def _fitting(inputs: Mapping[str, object], specs: Mapping[str, tf.TensorSpec], count: int) -> int:
    """The batch size of a request, if the signature takes it."""
    if set(inputs) != set(specs):
        raise ValueError(f"request {count} has inputs {sorted(inputs)}, not {sorted(specs)}")
    batches = set()
    for name, value in inputs.items():
        tensor = tf.TensorSpec.from_tensor(tf.constant(value))
        if tensor.dtype != specs[name].dtype or not specs[name].shape.is_compatible_with(
            tensor.shape
        ):
            wanted = f"{specs[name].dtype.name} {specs[name].shape}"
            raise ValueError(
                f"request {count} has {name} as {tensor.dtype.name} {tensor.shape}, not {wanted}"
            )
        batches.add(tensor.shape[0])
    if len(batches) != 1:
        raise ValueError(f"request {count} has inputs of batches {sorted(batches)}")
    return int(batches.pop())


def batching(path: Path, warm: Calls) -> CheckItem | None:
    """Whether the parameters are the server's, and each size that it runs is warmed up."""
    try:
        declared = _configs.batching(path)
    except ValueError as error:
        return CheckItem("batching", False, " ".join(str(error).split()))
    if declared is None:
        return None
    cold = {
        call.partition("@")[0]: missing
        for call, batches in warm.items()
        if (missing := sorted(set(declared.sizes) - set(batches)))
    }
    if cold:
        return CheckItem("batching", False, f"allowed sizes without a warm-up request: {cold}")
    largest = f"largest request {declared.largest} rows"
    if declared.largest > declared.execution:
        largest += " (split)"
    sizes = ", ".join(map(str, declared.sizes)) or f"up to {declared.execution}"
    return CheckItem("batching", True, f"batches of {sizes}; {largest}, more are refused")


def labels(path: Path, signatures: Specs) -> Iterator[CheckItem]:
    file = path / "assets" / LABELS
    if "classify" not in signatures:
        return
    if not file.is_file():
        yield CheckItem("labels", False, f"the signature classify is there, assets/{LABELS} is not")
        return
    names = file.read_text("utf-8").splitlines()
    unique = len(set(names)) == len(names) > 0
    yield CheckItem("labels", unique, f"{len(names)} in assets/{LABELS}")


def models(base: Path) -> Iterator[CheckItem]:
    try:
        names = _configs.model_names(base)
    except ValueError as error:
        yield CheckItem("models.config", False, " ".join(str(error).split()))
        return
    if names is not None:
        yield CheckItem("models.config", True, f"serves {', '.join(names)}")
