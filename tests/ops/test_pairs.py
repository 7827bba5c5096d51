"""The private ops of pairs against loops over them."""

import numpy as np
import pytest
from harness.op_checks import check_forward, check_gradients

from keras_hadamard.ops import _pairs

FIELDS = [2, 3, 5]


def pairs(fields):
    return [(i, j) for i in range(fields) for j in range(i + 1, fields)]


def fields_of(fields):
    return np.random.default_rng(0).uniform(0.5, 1.5, size=(3, fields, 4))


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("diagonal", [False, True])
def test_dots(fields, lower, diagonal):
    x = fields_of(fields)
    matrix = np.einsum("biw,bjw->bij", x, x)
    rows, columns = (np.tril_indices if lower else np.triu_indices)(
        fields, (-1 if lower else 1) * (not diagonal)
    )
    options = {"lower": lower, "diagonal": diagonal}
    check_forward(_pairs.pair_dots, (x,), matrix[:, rows, columns], **options)
    check_gradients(_pairs.pair_dots, (x,), **options)


@pytest.mark.parametrize("fields", FIELDS)
def test_products(fields):
    x = fields_of(fields)
    left, right = (np.stack([x[:, p[s]] for p in pairs(fields)], 1) for s in (0, 1))
    check_forward(_pairs.pair_products, (x,), left * right)
    check_gradients(_pairs.pair_products, (x,))
    check_gradients(_pairs.attended_products, (x,))


@pytest.mark.parametrize("fields", FIELDS)
def test_forms(fields):
    x = fields_of(fields)
    kernel = np.random.default_rng(1).uniform(0.5, 1.5, size=(4, len(pairs(fields)), 4))
    forms = [
        np.einsum("bd,de,be->b", x[:, i], kernel[:, n], x[:, j])
        for n, (i, j) in enumerate(pairs(fields))
    ]
    flat = kernel.reshape(4, -1)
    check_forward(_pairs.pair_forms, (x, flat), np.stack(forms, 1))
    check_gradients(_pairs.pair_forms, (x, flat))


@pytest.mark.parametrize("fields", FIELDS)
def test_crossed_sides(fields):
    x = np.random.default_rng(0).normal(size=(3, fields, fields, 2))
    left = np.stack([x[:, i, j] for i, j in pairs(fields)], 1)
    right = np.stack([x[:, j, i] for i, j in pairs(fields)], 1)
    check_forward(_pairs.crossed_sides, (x,), np.concatenate([left, right], 1))
    check_gradients(_pairs.crossed_sides, (x,))


def test_one_field_has_no_pair():
    x = np.ones((3, 1, 4))
    assert _pairs.pair_products(x).shape == (3, 0, 4)
    assert _pairs.pair_dots(x).shape == (3, 0)
