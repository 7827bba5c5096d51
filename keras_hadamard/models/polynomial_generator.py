"""The Pi-net generator: a decoder whose features are multiplied by the latent code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import non_negative, one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard.layers._normalization import normalization as make_normalization
from keras_hadamard.models._published import PublishedModel, float_policy, model_input


@serializable
class PolynomialGenerator(PublishedModel):
    """Generator of images, a polynomial of the latent code up to its last tanh (Pi-nets).

    `x_1 = N(convT(z))` and `x_(i+1) = N(convT(x_i * (A_i z + b_i)))`, each twice as large as the
    one before, and `tanh(convT(x))` at the end: the code is injected by multiplication before every
    layer except the first and the last. Without activations, the degree grows by one per layer.

    Args:
        latent_units: Integer, the width of the code. Defaults to `128`.
        filters: Sequence of integers, the channels of the features; the image has a side of
            `4 * 2 ** (len(filters) - 1)`. Defaults to `(512, 256, 128, 64)`.
        channels: Integer, the channels of the image. Defaults to `3`.
        activation: Boolean, whether a ReLU follows each normalisation and injection. Defaults to
            `False`.
        inject: Boolean, whether the code is injected. Defaults to `True`.
        concatenate: Boolean, whether injections are concatenated instead of multiplied, the
            authors' baseline. Defaults to `False`.
        mapping_layers: Integer, the number of dense layers with a ReLU that transform the code
            first. Defaults to `0`.
        normalization: `"instance"`, `"batch"` or `None`. Defaults to `"instance"`.
        weights: `None` for random weights, or the path of a weights file. Defaults to `None`.
        name: String. Defaults to `"polynomial_generator"`.

    Raises:
        ValueError: If an argument is out of range or `weights` is not a file.

    Example:

    >>> generator = keras_hadamard.models.PolynomialGenerator(8, filters=(6, 4, 3), channels=1)
    >>> generator(keras.ops.ones((2, 8))).shape
    TensorShape([2, 16, 16, 1])

    Reference:
        - [P-nets: Deep Polynomial Neural Networks (Chrysos et al., 2020)](
          https://arxiv.org/abs/2003.03828)
    """

    def __init__(
        self,
        latent_units: int = 128,
        filters: Sequence[int] = (512, 256, 128, 64),
        channels: int = 3,
        activation: bool = False,
        inject: bool = True,
        concatenate: bool = False,
        mapping_layers: int = 0,
        normalization: str | None = "instance",
        weights: str | Path | None = None,
        name: str | None = "polynomial_generator",
    ) -> None:
        one_of("normalization", normalization, (None, "batch", "instance"))
        positive_int("channels", channels)
        non_negative("mapping_layers", mapping_layers)
        if not isinstance(filters, list | tuple) or not filters:
            raise received("`filters` to be a sequence of one or more widths", filters=filters)
        layers = keras.layers
        act = "relu" if activation else None
        found: dict[str, Any] = {}

        def keep(path: str, layer: keras.layers.Layer) -> keras.layers.Layer:
            found[path] = layer
            return layer

        def transposed(width: int, size: int, strides: int, padding: str, path: str) -> Any:
            layer = layers.Conv2DTranspose(
                width,
                size,
                strides,
                padding=padding,
                use_bias=False,
                data_format="channels_last",
                name=path.replace(".", "_"),
            )
            return keep(path, layer)

        inputs = model_input((positive_int("latent_units", latent_units),), "latent")
        z = inputs
        for i in range(int(mapping_layers)):
            z = keep(
                f"global{i}.0", layers.Dense(latent_units, activation="relu", name=f"mapping_{i}")
            )(z)
        x = layers.Reshape((1, 1, latent_units), name="code")(z)
        for i, width in enumerate(filters):
            if i and inject:
                dense = layers.Dense(filters[i - 1], activation=act, name=f"injection_{i}")
                code = keep(f"inject{i}.0" if activation else f"inject{i}", dense)(z)
                code = layers.Reshape((1, 1, filters[i - 1]), name=f"injected_{i}")(code)
                if concatenate:
                    code = layers.UpSampling2D(
                        4 * 2 ** (i - 1), data_format="channels_last", name=f"spread_{i}"
                    )(code)
                    x = layers.Concatenate(name=f"concatenated_{i}")([x, code])
                else:
                    x = layers.Multiply(name=f"product_{i}")([x, code])
            how = (2, "same") if i else (1, "valid")
            x = transposed(positive_int("filters", width), 4, *how, f"layer{i}.0")(x)
            norm = make_normalization(
                normalization, f"normalization_{i}", policy=keras.config.dtype_policy()
            )
            x = keep(f"layer{i}.1", norm)(x)
            x = layers.Activation(act or "linear", name=f"activation_{i}")(x)
        x = transposed(channels, 3, 1, "same", f"layer{len(filters)}.0")(x)
        # Images are float32 under every policy.
        outputs = layers.Activation("tanh", dtype=float_policy(), name="image")(x)
        arguments = {
            "latent_units": latent_units,
            "filters": filters,
            "channels": channels,
            "activation": activation,
            "inject": inject,
            "concatenate": concatenate,
            "mapping_layers": mapping_layers,
            "normalization": normalization,
        }
        super().__init__(inputs, outputs, arguments=arguments, weights=weights, name=name)
        self.found = found

    def torch_mapping(self) -> dict[str, Any]:
        return dict(self.found)
