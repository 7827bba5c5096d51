"""Every public op, on any call: it says what is wrong, or its output is finite and of the dtype."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from properties.strategies import CALLS, calls

from keras_hadamard import ops

PUBLIC = {name: f for name, f in vars(ops).items() if inspect.isfunction(f) and name[0] != "_"}
OP = pytest.mark.parametrize("name", sorted(PUBLIC))


def test_every_op_has_a_strategy():
    assert set(CALLS) == set(PUBLIC)


def check(name, arguments):
    args, options = arguments
    first = args[0][0] if isinstance(args[0], list) and args[0] else args[0]
    output = PUBLIC[name](*args, **options)
    for y in output if isinstance(output, tuple) else [output]:
        assert keras.backend.standardize_dtype(y.dtype) == first.dtype.name
        assert np.isfinite(tf.cast(y, "float64")).all()


@OP
@given(data=st.data())
def test_right_calls_give_finite_numbers(name, data):
    check(name, data.draw(calls(name, wild=False)))


@OP
@given(data=st.data())
def test_other_calls_say_what_is_wrong(name, data):
    arguments = data.draw(calls(name, wild=True))
    try:
        check(name, arguments)
    except (ValueError, TypeError) as error:
        assert str(error)
