"""Writes endpoints as a SavedModel."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_hadamard.serving._endpoint import Endpoint


def write_archive(path: Path, tracked: Iterable[Any], endpoints: Mapping[str, Endpoint]) -> None:
    """Writes the endpoints as signatures, the first of them as `serving_default` too."""
    archive = keras.export.ExportArchive()
    for thing in tracked:
        archive.track(thing)
    for name, endpoint in endpoints.items():
        # Keras and TensorFlow trace a signature several times: each is one call of this.
        traced = tf.function(endpoint.call, autograph=False).get_concrete_function(endpoint.specs)
        archive.add_endpoint(name, traced.__call__, input_signature=[endpoint.specs])
    archive.write_out(str(path), verbose=False)
