"""Multiplicative filter networks: coordinates to values, without an activation."""

from collections.abc import Sequence
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
    """Multiplicative filter network (FourierNet, GaborNet, BACON): a signal of coordinates.

    `z_1 = g_1(x)`, `z_(i+1) = (W_i z_i + b_i) * g_(i+1)(x)`, `y = act(W z_(L+1) + b)`, with a
    filter `g_i` of the coordinates in every step. The output is a sum of exponentially many
    sinusoids, or Gabor wavelets, of the coordinates.

    BACON is the Fourier network with frequencies that are not trained: whole numbers of periods on
    coordinates within -0.5 and 0.5, at most `band_limits` of them after each step, because a
    product has the sum of the bands of its factors. With `multiscale`, each step has an output.

    Args:
        filters: `"fourier"` (`FourierFilter`), `"gabor"` (`GaborFilter`) or `"bacon"`
            (`FourierFilter` with `bands`). Defaults to `"fourier"`.
        input_shape: Tuple, the shape of one example's coordinates, with their number on the last
            axis: grids and points both work. They are expected within -1 and 1, for BACON within
            -0.5 and 0.5. Defaults to `(2,)`.
        units: Integer, the hidden width. Defaults to `256`.
        outputs: Integer, the width of the output. Defaults to `1`.
        steps: Integer, the number L of products; there are L + 1 filters. Defaults to `3`.
        input_scale: Float, the scale of the frequencies; each filter gets its share,
            `input_scale / sqrt(L + 1)`. Defaults to `256.0`.
        weight_scale: Float, the scale of the hidden kernels, which start uniform within
            `sqrt(weight_scale / units)`; BACON's start within `sqrt(6 / units)`, as its output's.
            Defaults to `1.0`.
        alpha: Float, the shape of the distribution of the Gabor windows, each filter gets its
            share, `alpha / (L + 1)`. Defaults to `6.0`.
        beta: Float, the rate of that distribution. Defaults to `1.0`.
        gamma_constraint: Constraint of the Gabor windows. Defaults to `"non_neg"`; `None` as in the
            authors' code.
        use_bias: Boolean, whether the hidden projections have biases. Defaults to `True`.
        output_activation: Name or function of the output's activation; the authors also use
            `"sin"`. Defaults to `None`. With one, an output of BACON has no band.
        frequency: Integer, or a sequence of one for each coordinate, the samples between -0.5 and
            0.5 that BACON's last output can be told from: its band is half of them, if the bands
            need no rounding. Defaults to `128`.
        scales: Sequence of numbers, the share of the `frequency` that each of BACON's `steps + 1`
            filters has: its band is `frequency * scale / 2`, rounded. Defaults to `None`, equal
            shares.
        multiscale: Boolean, whether BACON has a list of outputs, one for each step and with its own
            projection. Defaults to `False`.
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
        - [BACON: Band-limited Coordinate Networks for Multiscale Scene Representation (Lindell et
          al., 2022)](https://arxiv.org/abs/2112.04645)
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
        frequency: int | Sequence[int] = 128,
        scales: Sequence[float] | None = None,
        multiscale: bool = False,
        seed: int | None = None,
        weights: str | Path | None = None,
        name: str | None = "multiplicative_filter_network",
    ) -> None:
        one_of("filters", filters, ("fourier", "gabor", "bacon"))
        bacon = filters == "bacon"
        if multiscale and not bacon:
            raise received("`multiscale` with BACON alone", multiscale=True, filters=filters)
        units, outputs = positive_int("units", units), positive_int("outputs", outputs)
        steps = positive_int("steps", steps)
        shape = _coordinates(input_shape)
        if not weight_scale > 0:
            raise received("`weight_scale` to be positive", weight_scale=weight_scale)
        output_activation = get_activation(output_activation)
        bands = _bands(frequency, scales, steps, shape) if bacon else []
        shares: list[dict[str, Any]] = [{"bands": band} for band in bands]
        share = {"input_scale": input_scale / (steps + 1) ** 0.5}
        if filters == "gabor":
            share |= {"alpha": alpha / (steps + 1), "beta": beta}
            share["gamma_constraint"] = gamma_constraint
        shares = shares or [share] * (steps + 1)
        kind = GaborFilter if filters == "gabor" else FourierFilter

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
        z = kind(units, seed=seed_for(seed, "filter_0"), name="filter_0", **shares[0])(x)
        limit = ((6 if bacon else weight_scale) / units) ** 0.5

        def output(name: str) -> keras.layers.Dense:
            exact = {"activation": output_activation, "dtype": float_policy()}
            return dense(outputs, name, limit if bacon else units**-0.5, **exact)

        results = []
        for i in range(steps):
            hidden = dense(units, f"hidden_{i}", limit, use_bias=bool(use_bias))
            named = f"filter_{i + 1}"
            own = kind(units, seed=seed_for(seed, named), name=named, **shares[i + 1])
            z = keras.layers.Multiply(name=f"product_{i}")([hidden(z), own(x)])
            if multiscale:
                results.append(output(f"output_{i + 1}")(z))
        super().__init__(
            x,
            results if multiscale else output("output")(z),
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
                "frequency": frequency,
                "scales": scales,
                "multiscale": bool(multiscale),
                "seed": seed,
            },
            weights=weights,
            name=name,
        )
        # The authors' network has a projection of the first filter too.
        self.torch_unused = ("output_linear.0.",) if multiscale else ()

    @property
    def band_limits(self) -> list[list[int]]:
        """The most periods, of each coordinate, that the output of each step of BACON has."""
        if self.arguments["filters"] != "bacon":
            raise received("a network of limited bands", filters=self.arguments["filters"])
        bands = [own.bands for own in self._filters()]
        return [
            [sum(each) for each in zip(*bands[:count], strict=True)]
            for count in range(2, len(bands) + 1)
        ]

    def torch_mapping(self) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for layer in self.layers:
            if layer.name.startswith("output"):
                mapping[layer.name.replace("output_", "output_linear.")] = layer
        if "output" in mapping:
            mapping["output_linear"] = mapping.pop("output")
        for i, own in enumerate(self._filters()):
            mapping[f"filters.{i}.linear.weight"] = (own.kernel, transposed)
            mapping[f"filters.{i}.linear.bias"] = own.bias
            if isinstance(own, GaborFilter):
                mapping[f"filters.{i}.mu"] = (own.mu, transposed)
                mapping[f"filters.{i}.gamma"] = own.gamma
            if i:
                mapping[f"linear.{i - 1}"] = self.get_layer(f"hidden_{i - 1}")
        return mapping

    def _filters(self) -> list[Any]:
        steps: Any = self.arguments["steps"]
        return [self.get_layer(f"filter_{i}") for i in range(steps + 1)]


def _coordinates(input_shape: Any) -> Shape:
    if not isinstance(input_shape, list | tuple) or not input_shape or not input_shape[-1]:
        raise received(
            "`input_shape` to be (..., coordinates), their number known", input_shape=input_shape
        )
    return tuple(input_shape)


def _bands(frequency: Any, scales: Any, steps: int, shape: Shape) -> list[list[int]]:
    """The band of each filter of BACON, for each coordinate."""
    coordinates = int(shape[-1] or 0)
    each = list(frequency) if isinstance(frequency, list | tuple) else [frequency] * coordinates
    if len(each) != coordinates:
        raise received("one `frequency` for each coordinate", frequency=frequency, shape=shape)
    shares = [1 / (steps + 1)] * (steps + 1) if scales is None else list(scales)
    if len(shares) != steps + 1 or not all(share >= 0 for share in shares):
        raise received("one of `scales` for each of the filters", scales=scales, steps=steps)
    samples = [positive_int("frequency", f) for f in each]
    return [[round(f * share / 2) for f in samples] for share in shares]
