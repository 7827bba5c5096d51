"""Every public layer on any batch, size and dtype policy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.layer_cases import PUBLIC
from harness.sample import cases_of_this_run
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

CASES = cases_of_this_run()
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
NUMBERS = st.floats(-3, 3, width=16)


def test_every_layer_has_a_case():
    assert {name.split("-")[0] for name in CASES} == set(PUBLIC)


def sizes(case, draw):
    """The shapes with other lengths and sides: what was as long stays as long."""
    others = {}
    first = case.kwargs.get("data_format") == "channels_first"
    shapes = []
    for shape in case.shapes:
        moved = {2: (0,), 3: (1, 2) if first else (0, 1)}.get(len(shape), ())
        new = list(shape)
        for axis in moved:
            if shape[axis] not in others:
                others[shape[axis]] = draw(st.integers(1, 8))
            new[axis] = others[shape[axis]]
        shapes.append(tuple(new))
    return shapes


def plain(value):
    if isinstance(value, dict):
        return all(isinstance(k, str) and plain(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    return value is None or type(value) in (str, bool, int, float)


def check(case, policy, batch, shapes, draw):
    keras.config.set_dtype_policy(policy)
    layer = case.build(name="a_name")
    config = layer.get_config()
    assert plain(config), config
    assert type(layer).from_config(config).get_config() == config
    inputs = []
    for shape in shapes:
        if case.integers is None:
            x = draw(arrays.arrays("float32", (batch, *shape), elements=NUMBERS))
        else:
            below = st.integers(0, case.integers - 1)
            x = draw(arrays.arrays("int32", (batch, *shape), elements=below))
        inputs.append(tf.constant(x))
    outputs = layer(inputs if case.many else inputs[0])
    full = [(batch, *shape) for shape in shapes]
    expected = layer.compute_output_shape(full if case.many else full[0])
    if not isinstance(outputs, list | tuple):
        outputs, expected = [outputs], [expected]
    assert [tuple(y.shape) for y in outputs] == [tuple(shape) for shape in expected]
    for y in outputs:
        assert keras.backend.standardize_dtype(y.dtype) == policy.removeprefix("mixed_")
        assert np.isfinite(tf.cast(y, "float64")).all()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@given(data=st.data())
def test_any_batch_size_and_policy(case, data):
    policy = data.draw(st.sampled_from(POLICIES))
    batch = data.draw(st.integers(0 if case.empty else 1, 3))
    shapes = sizes(case, data.draw) if data.draw(st.booleans()) else list(case.shapes)
    try:
        check(case, policy, batch, shapes, data.draw)
    except ValueError as error:
        # Some layers hold weights for each position, or want as many of one as of the other.
        assert shapes != list(case.shapes), error
        assert str(error)
