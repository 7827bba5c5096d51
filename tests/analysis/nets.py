"""Models that the tests of the analyses share."""

from pathlib import Path

import keras
import numpy as np

from keras_hadamard import layers

GOLDEN = Path(__file__).parent / "golden"
EPS = (0.02, 0.1, 0.3)


def golden(name):
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def sequential(shape, *parts, dtype="float64"):
    return keras.Sequential([keras.Input(shape, dtype=dtype), *parts])


def polynomial(units, degree, **kwargs):
    kwargs.setdefault("dtype", "float64")
    return layers.PolynomialDense(units, degree=degree, **kwargs)


def randomised(model, seed=0, scale=1.0):
    """The model with all weights drawn anew, biases and gates too."""
    rng = np.random.default_rng(seed)
    model.set_weights([scale * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def verification_net(numbers):
    """A net of the authors' verification code."""
    degree, rank = int(numbers["degree"]), int(numbers["rank"])
    coupled = "w/U1.weight" in numbers
    layer = polynomial(3, degree, rank=rank, decomposition="ccp" if coupled else "ncp")
    model = sequential((4,), layer)
    for n, factor in enumerate(layer.factors, start=1):
        factor.kernel.assign(numbers[f"w/{'U' if coupled else 'A'}{n}.weight"].T)
    if not coupled:
        layer.first_state.assign(np.ones(rank))
        for n, project in enumerate(layer.state_projections, start=2):
            project.kernel.assign(numbers[f"w/S{n}.weight"].T)
            project.bias.assign(numbers[f"w/S{n}.bias"])
    layer.output_projection.kernel.assign(numbers["w/C.weight"].T)
    layer.output_projection.bias.assign(numbers["w/C.bias"])
    return model


def samples(lower, upper, count, seed=0):
    """Points of a box, a quarter of them corners."""
    rng = np.random.default_rng(seed)
    share = rng.uniform(size=(count, *lower.shape))
    share[: count // 4] = np.round(share[: count // 4])
    return lower + share * (upper - lower)
