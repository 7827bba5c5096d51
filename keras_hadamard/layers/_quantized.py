"""Dense sublayers that a model's `quantize` has changed, in the saved model.

Keras quantises the sublayers and does not tell the layer, which on loading builds them anew.
"""

from collections.abc import Iterator

import keras


def quantized(layer: keras.layers.Layer) -> dict[str, str]:
    """The names of the policies of the quantised sublayers, by their paths within the layer."""
    return {
        path: sub.dtype_policy.name
        for path, sub in _sublayers(layer)
        if sub.quantization_mode is not None
    }


def quantize_as(layer: keras.layers.Layer, policies: dict[str, str]) -> None:
    """Quantises the sublayers of a layer that was just built, so that their weights fit."""
    for path, sub in _sublayers(layer):
        if path in policies and sub.quantization_mode is None:
            sub.dtype_policy = policies[path]


def _sublayers(layer: keras.layers.Layer) -> Iterator[tuple[str, keras.layers.Layer]]:
    """The layers inside a layer, at any depth, and their paths in it; some more than once."""
    for value in vars(layer).values():
        for sub in value if isinstance(value, list) else [value]:
            if isinstance(sub, keras.layers.Layer):
                yield sub.name, sub
                yield from ((f"{sub.name}/{path}", each) for path, each in _sublayers(sub))
