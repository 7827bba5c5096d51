"""Changes to the sublayers of a layer or model after their creation.

Keras quantises and freezes the innermost layers without notice. A layer that creates its sublayers
in `build`, or a model that creates its graph in the constructor, creates new ones when it is loaded
or cloned, so its configuration records the changes.
"""

from typing import Any

import keras

from keras_hadamard._core.introspection.private import all_layers

# The key in a configuration.
KEY = "sublayers"


def changes_of(layer: keras.layers.Layer) -> dict[str, Any]:
    """The changes to the sublayers by their paths, as plain values; empty if there are none."""
    inner = all_layers(layer)[1:]
    quantized = {
        str(place): keras.saving.serialize_keras_object(sub.quantization_config)
        for place, sub in enumerate(inner)
        if getattr(sub, "quantization_config", None) is not None
        and sub.quantization_mode is not None
    }
    frozen = [place for place, sub in enumerate(inner) if layer.trainable and not sub.trainable]
    found: dict[str, Any] = {"quantized": quantized, "frozen": frozen}
    return {key: value for key, value in found.items() if value}


def change(layer: keras.layers.Layer, changes: dict[str, Any] | None) -> None:
    """Applies the changes to the sublayers of a recreated, built layer."""
    if changes is None:
        return
    inner = all_layers(layer)[1:]
    for place, config in changes.get("quantized", {}).items():
        sub = inner[int(place)]
        if sub.quantization_mode is None:
            config = keras.saving.deserialize_keras_object(config)
            sub.quantize(config=config, type_check=False)
    frozen = changes.get("frozen", [])
    # Some layers freeze sublayers themselves, which was undone.
    for place in changes_of(layer).get("frozen", []):
        inner[place].trainable = place not in frozen
    for place in frozen:
        inner[place].trainable = False
