"""Values at masked positions, a NaN too, reach no valid one."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.sample import cases_of_this_run

SEQUENCES = {k: c for k, c in cases_of_this_run().items() if any(len(s) == 2 for s in c.shapes)}
LEFT_OUT = 2


@pytest.mark.parametrize("case", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_no_value_behind_a_mask_counts(case):
    layer = case.build()
    plain, outputs = (given(layer, case, behind) for behind in (0.0, np.nan))
    for zeros, nans in zip(plain, outputs, strict=True):
        np.testing.assert_allclose(nans, zeros, rtol=1e-5, atol=1e-6)


def given(layer, case, behind):
    """The outputs at valid positions, with something behind the masks of the sequences.

    Where the layer takes the mask, the gradients of its weights too.
    """
    arrays, masks = case.arrays(2), []
    for x in arrays:
        valid = np.arange(x.shape[1]) < x.shape[1] - LEFT_OUT if x.ndim == 3 else None
        masks.append(None if valid is None else np.stack([valid, valid]))
        if valid is not None and x.dtype.kind == "f":
            x[:, ~valid] = behind
    x, mask = (arrays, masks) if case.many else (arrays[0], masks[0])
    takes = takes_mask(layer)
    with tf.GradientTape() as tape:
        outputs = tf.nest.flatten(layer(x, mask=mask) if takes else layer(x))
        if case.mask == "kept":
            kept = layer.compute_mask(x, mask)
            kept = kept if isinstance(kept, list) else [kept] * len(outputs)
            outputs = [
                tf.boolean_mask(y, m) if y.ndim == 3 else y
                for y, m in zip(outputs, kept, strict=True)
            ]
        total = tf.add_n([tf.reduce_sum(tf.sin(y)) for y in outputs])
    weights = [v.value for v in layer.trainable_variables] if takes else []
    gradients = tape.gradient(total, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [np.asarray(tf.convert_to_tensor(y)) for y in [*outputs, *gradients]]


def takes_mask(layer):
    return "mask" in inspect.signature(layer.call).parameters


def test_gradients_of_layers_that_look_at_no_mask_are_those_of_kerass_own():
    """A `Dense` multiplies its inputs with gradients of zero, and NaN times zero is NaN."""
    dense = keras.layers.Dense(2)
    assert not takes_mask(dense)
    x = np.float32([[[1, 2], [np.nan, np.nan]]])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(dense(x)[:, :1])
    assert np.isfinite(y)
    assert np.isnan(tape.gradient(y, dense.kernel.value)).all()
