"""One or more configurations of every public layer, for the checks that all of them pass."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras.layers import Dense, Identity

from keras_hadamard import layers
from keras_hadamard.layers import (
    MFB,
    MLB,
    ConcatFusion,
    FiLM,
    GatedDense,
    HadamardFusion,
    HadamardProduct,
    MinGRU,
    PolynomialDense,
    PolyNonLocal,
    SumFusion,
)

VECTOR, SEQUENCE, IMAGE = (5,), (6, 5), (4, 3, 5)


@dataclass(frozen=True)
class LayerCase:
    """A layer and the shapes of its inputs, without the batch."""

    make: Callable[..., keras.layers.Layer]
    shapes: tuple[tuple[int, ...], ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    # What becomes of a sequence's mask.
    mask: str = "kept"
    # Whether outputs of masked positions may reach other positions.
    wrong_ranks: tuple[tuple[int, ...], ...] = ()

    @property
    def many(self) -> bool:
        return len(self.shapes) > 1

    def build(self, **kwargs: Any) -> keras.layers.Layer:
        return self.make(**{**self.kwargs, **kwargs})

    def inputs(self, batch: int = 3, seed: int = 0) -> Any:
        rng = np.random.default_rng(seed)
        arrays = [rng.normal(size=(batch, *s)).astype("float32") for s in self.shapes]
        return arrays if self.many else arrays[0]

    def symbolic(self, dynamic: bool = False) -> Any:
        """Inputs of unknown batch, and of unknown length where they have one."""
        inputs = [
            keras.Input((None, *s[1:]) if dynamic and len(s) == 2 else s) for s in self.shapes
        ]
        return inputs if self.many else inputs[0]

    def model(self, dynamic: bool = False, **kwargs: Any) -> keras.Model:
        inputs = self.symbolic(dynamic)
        return keras.Model(inputs, self.build(**kwargs)(inputs))


def product(**kwargs: Any) -> HadamardProduct:
    return HadamardProduct([Dense(4), Dense(4, activation="sigmoid")], **kwargs)


def product_with_all(**kwargs: Any) -> HadamardProduct:
    return HadamardProduct([Identity(), Dense(5)], output=Dense(5), skip=True, **kwargs)


def product_with_mean(**kwargs: Any) -> HadamardProduct:
    return HadamardProduct([Dense(4), Dense(4)], reduce="mean", **kwargs)


def product_with_pool(**kwargs: Any) -> HadamardProduct:
    return HadamardProduct([Dense(6), Dense(6)], reduce=2, output=Dense(2), **kwargs)


def _fusions() -> dict[str, LayerCase]:
    cases = {}
    plain: dict[type, dict[str, Any]] = {
        ConcatFusion: {"hidden_units": (7,), "dropout": 0.2, "input_dropout": 0.1, "seed": 1},
        SumFusion: {"rank": 7, "dropout": 0.2, "seed": 1},
        HadamardFusion: {"projection_activation": "tanh"},
        MLB: {"rank": 7, "dropout": 0.2, "input_dropout": 0.1, "seed": 1},
        MFB: {"rank": 6, "factor": 3, "dropout": 0.2, "activation": "relu", "seed": 1},
    }
    wrong = ((5,), (5,))
    for layer, options in plain.items():
        name = layer.__name__
        two = ((5,), (7,))
        cases[name] = LayerCase(layer, two, {"units": 4}, wrong_ranks=wrong)
        cases[f"{name}-options"] = LayerCase(layer, two, {"units": 4, **options}, wrong_ranks=wrong)
        cases[f"{name}-sequence"] = LayerCase(layer, (SEQUENCE, (7,)), {"units": 4})
        cases[f"{name}-regions"] = LayerCase(layer, ((7,), IMAGE), {"units": 4})
        if layer is not ConcatFusion:
            normalized = {"units": 4, "normalize": True}
            cases[f"{name}-normalized"] = LayerCase(layer, two, normalized, wrong_ranks=wrong)
        if layer is not MFB:
            cases[f"{name}-three"] = LayerCase(layer, (*two, (3,)), {"units": 4})
    return cases


CASES = {
    **_fusions(),
    "HadamardProduct": LayerCase(product, (VECTOR,)),
    "HadamardProduct-all": LayerCase(product_with_all, (SEQUENCE,)),
    "HadamardProduct-two": LayerCase(product_with_pool, ((5,), (7,))),
    "HadamardProduct-mean": LayerCase(product_with_mean, (SEQUENCE,), mask="consumed"),
    "PolynomialDense": LayerCase(PolynomialDense, (VECTOR,), {"units": 4}, wrong_ranks=((),)),
    "PolynomialDense-ccp": LayerCase(
        PolynomialDense,
        (SEQUENCE,),
        {"units": 4, "degree": 4, "rank": 3, "use_factor_bias": True, "activation": "tanh"},
    ),
    "PolynomialDense-ncp": LayerCase(
        PolynomialDense, (IMAGE,), {"units": 4, "degree": 3, "decomposition": "ncp"}
    ),
    "PolynomialDense-skip": LayerCase(
        PolynomialDense, (VECTOR,), {"units": 4, "degree": 3, "decomposition": "ncp_skip"}
    ),
    "GatedDense": LayerCase(GatedDense, (VECTOR,), {"units": 4}, wrong_ranks=((),)),
    "GatedDense-gelu": LayerCase(GatedDense, (SEQUENCE,), {"units": 4, "activation": "gelu"}),
    "GatedDense-bilinear": LayerCase(GatedDense, (IMAGE,), {"units": 4, "activation": None}),
    "FiLM": LayerCase(FiLM, (VECTOR, (7,)), wrong_ranks=((), (7,))),
    "FiLM-image": LayerCase(FiLM, (IMAGE, (7,)), {"activation": "relu", "use_shift": False}),
    "FiLM-positions": LayerCase(FiLM, (SEQUENCE, (6, 7)), {"gamma_offset": 0.0}),
    "FiLM-first": LayerCase(FiLM, (IMAGE, (7,)), {"data_format": "channels_first"}),
    "MinGRU": LayerCase(
        MinGRU, (SEQUENCE,), {"units": 4}, mask="consumed", wrong_ranks=(VECTOR, IMAGE)
    ),
    "MinGRU-sequences": LayerCase(
        MinGRU, (SEQUENCE,), {"units": 4, "return_sequences": True, "activation": "tanh"}
    ),
    "MinGRU-backwards": LayerCase(
        MinGRU, (SEQUENCE,), {"units": 4, "go_backwards": True}, mask="consumed"
    ),
    "PolyNonLocal": LayerCase(PolyNonLocal, (SEQUENCE,), wrong_ranks=(VECTOR,)),
    "PolyNonLocal-image": LayerCase(PolyNonLocal, (IMAGE,), {"use_bias": False}),
    "PolyNonLocal-first": LayerCase(PolyNonLocal, (IMAGE,), {"data_format": "channels_first"}),
}

PUBLIC = {
    name: layer
    for name, layer in vars(layers).items()
    if inspect.isclass(layer) and issubclass(layer, keras.layers.Layer)
}
