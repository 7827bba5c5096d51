"""Writes endpoints as a SavedModel."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras

from keras_hadamard.serving._endpoint import Endpoint


def write_archive(path: Path, tracked: Iterable[Any], endpoints: Mapping[str, Endpoint]) -> None:
    """Writes the endpoints as signatures, the first of them as `serving_default` too."""
    archive = keras.export.ExportArchive()
    for thing in tracked:
        archive.track(thing)
    for name, endpoint in endpoints.items():
        archive.add_endpoint(name, endpoint.call, input_signature=[endpoint.specs])
    archive.write_out(str(path), verbose=False)
