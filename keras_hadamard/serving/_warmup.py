"""Warm-up requests, which the server runs through a version before it serves it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_hadamard.serving._loader import Batches
from keras_hadamard.serving._protos import message

FILE = Path("assets.extra", "tf_serving_warmup_requests")
# The server reads no more.
MOST_REQUESTS = 1000


def write(path: Path, model: str, calls: Mapping[str, Batches]) -> None:
    """Writes a request for each batch of each signature."""
    (path / FILE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path / FILE)) as writer:
        for signature, batches in calls.items():
            for inputs in batches.values():
                writer.write(_log(model, signature, inputs).SerializeToString())


def _log(model: str, signature: str, inputs: Mapping[str, np.ndarray]) -> Any:
    log = message("PredictionLog")
    request = log.predict_log.request
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log


def read(path: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The signature and the inputs of each request.

    Raises:
        ValueError: If the file is not one of prediction logs.
    """
    try:
        for record in tf.data.TFRecordDataset(str(path / FILE)):
            log = message("PredictionLog")
            log.ParseFromString(record.numpy())
            request = log.predict_log.request
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            yield request.model_spec.signature_name, inputs
    # protobuf's DecodeError is not a ValueError, and its class differs between implementations.
    except Exception as error:
        raise ValueError(f"{FILE.name} cannot be read: {error}") from error
