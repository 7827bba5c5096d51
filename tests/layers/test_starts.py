"""No two weights start equal by accident: a product of equal branches would be a power."""

import itertools

import keras
import numpy as np
import pytest
from harness.layer_cases import all_cases
from harness.sample import cases_of_this_run

from keras_hadamard.layers._initializers import initializer_for, seed_for

CASES = cases_of_this_run()
# Each state of H3 begins with the same frequencies, as S4D's authors have it.
ALIKE_BY_DESIGN = {("H3", "frequency")}


def seeded():
    """Initializers that give equal values to whoever uses them as they are."""
    return {
        "kernel_initializer": keras.initializers.RandomNormal(seed=1),
        "bias_initializer": keras.initializers.RandomNormal(seed=1),
    }


def built(case, **kwargs):
    layer = case.build(**kwargs)
    shapes = [(None, *shape) for shape in case.shapes]
    layer.build(shapes if case.many else shapes[0])
    return layer


def random_weights(layer):
    """Not those of one value, which only a constant gives."""
    values = [(v, np.asarray(v)) for v in layer.weights]
    return [(v, value) for v, value in values if value.size > 1 and np.ptp(value) > 0]


def blocks(value):
    """The equal parts of a weight along each axis."""
    for axis, size in enumerate(value.shape):
        for parts in range(2, size + 1):
            if size % parts == 0:
                yield from itertools.combinations(np.split(value, parts, axis), 2)


@pytest.mark.parametrize("name", CASES)
def test_no_two_weights_start_equal(name):
    case = CASES[name]
    layers = [built(case)]
    if "kernel_initializer" in layers[0].get_config():
        layers.append(built(case, **seeded()))
    for layer in layers:
        weights = random_weights(layer)
        for (one, x), (other, y) in itertools.combinations(weights, 2):
            assert x.shape != y.shape or not np.array_equal(x, y), (one.path, other.path)
        for weight, value in weights:
            if (name.split("-")[0], weight.name) not in ALIKE_BY_DESIGN:
                alike = [x for x, y in blocks(value) if np.array_equal(x, y) and np.ptp(x) > 0]
                assert not alike, weight.path


@pytest.mark.parametrize("name", ["MLB", "GatedMLP", "RGLRU", "GMLPBlock", "PolynomialConv2D"])
def test_a_seed_gives_the_same_start_again(name):
    one, other = (built(all_cases()[name], **seeded()) for _ in range(2))
    for x, y in zip(one.trainable_weights, other.trainable_weights, strict=True):
        if x.name in ("kernel", "bias"):
            np.testing.assert_array_equal(x, y, err_msg=x.path)


def test_seeds_are_those_of_paths():
    assert seed_for(1, "a") == seed_for(1, "a") != seed_for(2, "a")
    assert seed_for(seed_for(1, "a"), "b") != seed_for(seed_for(1, "b"), "a")
    names = [f"factor_{i}/{part}" for i in range(200) for part in ("kernel", "bias", "0", "1")]
    assert len({seed_for(5, name) for name in names}) == len(names)
    assert seed_for(None, "a") is None


def test_initializers_that_have_no_seed_to_change():
    def start(shape, dtype=None):
        return keras.ops.ones(shape, dtype)

    assert initializer_for(start, "a") is start
    # A generator continues: each use of it draws other numbers.
    shared = keras.initializers.RandomNormal(seed=keras.random.SeedGenerator(3))
    one, other = (initializer_for(shared, name)((4,)) for name in "ab")
    assert not np.array_equal(one, other)
