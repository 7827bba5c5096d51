"""Multiplicative filter networks: coordinates to values, without an activation."""

from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers import FourierFilter, GaborFilter
from keras_hadamard.layers._initializers import seed_for
from keras_hadamard.models._checkpoint import transposed
from keras_hadamard.models._published import PublishedModel, float_policy


@serializable
class MultiplicativeFilterNetwork(PublishedModel):
    """Multiplicative filter network (FourierNet, GaborNet): a signal as a function of coordinates.

    `z_1 = g_1(x)`, `z_(i+1) = (W_i z_i + b_i) * g_(i+1)(x)`, `y = act(W z_(L+1) + b)`, with a
    filter `g_i` of the coordinates in every step. The output is a sum of exponentially many
    sinusoids, or Gabor wavelets, of the coordinates.

    Args:
        filters: `"fourier"` (`FourierFilter`) or `"gabor"` (`GaborFilter`). Defaults to
            `"fourier"`.
        input_shape: Tuple, the shape of one example's coordinates, with their number on the last
            axis: grids and points both work. They are expected within -1 and 1. Defaults to `(2,)`.
        units: Integer, the hidden width. Defaults to `256`.
        outputs: Integer, the width of the output. Defaults to `1`.
        steps: Integer, the number L of products; there are L + 1 filters. Defaults to `3`.
        input_scale: Float, the scale of the frequencies; each filter gets its share,
            `input_scale / sqrt(L + 1)`. Defaults to `256.0`.
        weight_scale: Float, the scale of the hidden kernels, which start uniform within
            `sqrt(weight_scale / units)`. Defaults to `1.0`.
        alpha: Float, the shape of the distribution of the Gabor windows, each filter gets its
            share, `alpha / (L + 1)`. Defaults to `6.0`.
        beta: Float, the rate of that distribution. Defaults to `1.0`.
        gamma_constraint: Constraint of the Gabor windows. Defaults to `"non_neg"`; `None` as in the
            authors' code.
        use_bias: Boolean, whether the hidden projections have biases. Defaults to `True`.
        output_activation: Name or function of the output's activation; the authors also use
            `"sin"`. Defaults to `None`.
        seed: Integer, the seed of the initialisation. Defaults to `None`.
        weights: Path of a weights file to load. Defaults to `None`.
        name: String, the name of the model. Defaults to `"multiplicative_filter_network"`.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> model = keras_hadamard.models.MultiplicativeFilterNetwork("gabor", units=32, outputs=3)
    >>> model(keras.ops.zeros((4, 2))).shape
    TensorShape([4, 3])

    Reference:
        - [Multiplicative Filter Networks (Fathony et al., 2021)](
          https://openreview.net/forum?id=OmtmcPkkhT)
    """

    def __init__(
        self,
        filters: str = "fourier",
        input_shape: Shape = (2,),
        units: int = 256,
        outputs: int = 1,
        steps: int = 3,
        input_scale: float = 256.0,
        weight_scale: float = 1.0,
        alpha: float = 6.0,
        beta: float = 1.0,
        gamma_constraint: Any = "non_neg",
        use_bias: bool = True,
        output_activation: Activation = None,
        seed: int | None = None,
        weights: str | Path | None = None,
        name: str | None = "multiplicative_filter_network",
    ) -> None:
        one_of("filters", filters, ("fourier", "gabor"))
        units, outputs = positive_int("units", units), positive_int("outputs", outputs)
        steps = positive_int("steps", steps)
        shape = _coordinates(input_shape)
        if not weight_scale > 0:
            raise received("`weight_scale` to be positive", weight_scale=weight_scale)
        output_activation = get_activation(output_activation)
        share = {"input_scale": input_scale / (steps + 1) ** 0.5}
        if filters == "gabor":
            share |= {"alpha": alpha / (steps + 1), "beta": beta}
            share["gamma_constraint"] = gamma_constraint
        kind = FourierFilter if filters == "fourier" else GaborFilter

        def dense(width: int, name: str, limit: float, **kwargs: Any) -> keras.layers.Dense:
            # Where the authors specify nothing, PyTorch's initialisation: uniform within 1 /
            # sqrt(width).
            uniform, default = keras.initializers.RandomUniform, units**-0.5
            return keras.layers.Dense(
                width,
                kernel_initializer=uniform(-limit, limit, seed=seed_for(seed, f"{name}/kernel")),
                bias_initializer=uniform(-default, default, seed=seed_for(seed, f"{name}/bias")),
                name=name,
                **kwargs,
            )

        # Under every policy: 16 bits are too few for coordinates.
        x = keras.Input(shape, name="coordinates", dtype=float_policy())
        z = kind(units, seed=seed_for(seed, "filter_0"), name="filter_0", **share)(x)
        limit = (weight_scale / units) ** 0.5
        for i in range(steps):
            hidden = dense(units, f"hidden_{i}", limit, use_bias=bool(use_bias))
            name_of_filter = f"filter_{i + 1}"
            own = kind(units, seed=seed_for(seed, name_of_filter), name=name_of_filter, **share)
            z = keras.layers.Multiply(name=f"product_{i}")([hidden(z), own(x)])
        output = dense(
            outputs, "output", units**-0.5, activation=output_activation, dtype=float_policy()
        )
        super().__init__(
            x,
            output(z),
            arguments={
                "filters": filters,
                "input_shape": shape,
                "units": units,
                "outputs": outputs,
                "steps": steps,
                "input_scale": input_scale,
                "weight_scale": weight_scale,
                "alpha": alpha,
                "beta": beta,
                "gamma_constraint": keras.constraints.serialize(
                    keras.constraints.get(gamma_constraint)
                ),
                "use_bias": bool(use_bias),
                "output_activation": serialize_activation(output_activation),
                "seed": seed,
            },
            weights=weights,
            name=name,
        )

    def torch_mapping(self) -> dict[str, Any]:
        mapping: dict[str, Any] = {"output_linear": self.get_layer("output")}
        filters = [x for x in self.layers if isinstance(x, FourierFilter | GaborFilter)]
        for i, own in enumerate(filters):
            mapping[f"filters.{i}.linear.weight"] = (own.kernel, transposed)
            mapping[f"filters.{i}.linear.bias"] = own.bias
            if isinstance(own, GaborFilter):
                mapping[f"filters.{i}.mu"] = (own.mu, transposed)
                mapping[f"filters.{i}.gamma"] = own.gamma
            if i:
                mapping[f"linear.{i - 1}"] = self.get_layer(f"hidden_{i - 1}")
        return mapping


def _coordinates(input_shape: Any) -> Shape:
    if not isinstance(input_shape, list | tuple) or not input_shape or not input_shape[-1]:
        raise received(
            "`input_shape` to be (..., coordinates), their number known", input_shape=input_shape
        )
    return tuple(input_shape)
