"""Fingerprint of a model, from its weights."""

import hashlib

import keras
import numpy as np
from keras import ops


def fingerprint(model: keras.Model) -> str:
    """SHA-256 of shapes, types and bytes of all weights, in their order."""
    digest = hashlib.sha256()
    for variable in model.weights:
        array = np.ascontiguousarray(ops.convert_to_numpy(variable))
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
