"""Digits of 8 x 8 pixels, as each kind of layer takes them."""

from dataclasses import dataclass

import keras
import numpy as np
from sklearn.datasets import load_digits

LEVELS = 5


@dataclass(frozen=True)
class Data:
    inputs: dict[str, np.ndarray]
    labels: np.ndarray

    def of(self, model: keras.Model) -> dict[str, np.ndarray]:
        """What a model takes."""
        return {key: self.inputs[key] for key in model.input}


def digits() -> tuple[Data, Data]:
    """What is trained on, and every third one, held out; pixels lie within -1 and 1."""
    found = load_digits()
    held_out = np.random.default_rng(0).permutation(len(found.target)) % 3 == 0
    image = (found.images / 8 - 1).astype("float32")
    blocks = found.images.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)
    flat = image.reshape(-1, 64)
    centred = flat - flat[~held_out].mean(0)
    plane = centred @ np.linalg.svd(centred[~held_out], full_matrices=False)[2][:2].T
    inputs = {
        "pixels": flat,
        "rows": image,
        "image": image[..., None],
        "left": image[..., :4].reshape(-1, 32),
        "right": image[..., 4:].reshape(-1, 32),
        "left_image": image[..., :4, None],
        "fields": (blocks * LEVELS / 16.01).astype("int32"),
        "plane": np.clip(plane / np.abs(plane[~held_out]).max(0), -1, 1).astype("float32"),
    }
    return tuple(
        Data({name: x[which] for name, x in inputs.items()}, found.target[which])
        for which in (~held_out, held_out)
    )


SEEN, HELD_OUT = digits()
