"""What an older Keras or TensorFlow cannot do is skipped with its reason."""

import keras
import pytest
import tensorflow as tf


def needs(package, least, reason):
    """A mark for what needs at least this version of `keras` or `tensorflow`."""
    found = {"keras": keras, "tensorflow": tf}[package].__version__
    return pytest.mark.skipif(
        _parts(found) < _parts(least), reason=f"{package} {least} or newer: {reason}"
    )


def _parts(version):
    return [int(part) for part in version.split(".")[:2]]
