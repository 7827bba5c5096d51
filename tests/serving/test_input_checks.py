"""Errors of bad requests name the signature's input; asked as the server asks, not as Python."""

import keras
import numpy as np
import pytest
import serving.serving_models as models
import tensorflow as tf
from serving.raw_session import RawSession

from keras_hadamard import datasets, layers, pruning, serving
from keras_hadamard.serving import _saved_model


def export(model, directory, **options):
    return serving.export(
        model, directory, options=serving.ExportOptions(batch_sizes=(), **options)
    )


def error(session, **inputs):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        session(**inputs)
    return str(raised.value)


TWO = {
    "wrong width": ("image", (2, 4, 4, 2), "Expected input `image` of shape (batch, 4, 4, 3)."),
    "wrong rank": ("image", (2, 48), "Received shape:] [2 48]"),
    "scalar": ("tokens", (), "Expected input `tokens` of shape (batch, 5). Received shape:] []"),
    "longer": ("tokens", (2, 6), "Received shape:] [2 6]"),
    "unequal": (
        "tokens",
        (3, 5),
        "Expected equal batch sizes of the inputs `tokens`, `image`. Received:] [3 2]",
    ),
}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    base = tmp_path_factory.mktemp("two")
    model = models.two_branches()
    return [RawSession(export(model, base / str(on), input_checks=on)) for on in (True, False)]


@pytest.mark.parametrize("case", TWO)
def test_shapes(two, case):
    name, shape, message = TWO[case]
    inputs = models.two_branch_inputs(2)
    inputs[name] = np.zeros(shape, inputs[name].dtype)
    checked, bare = two
    assert message in error(checked, **inputs)
    if case == "wrong rank":
        # Without the checks a convolution of oneDNN ends the process.
        return
    # Without the checks nothing names the input, and what is only longer gets an answer.
    if case == "longer":
        bare(**inputs)
        return
    with pytest.raises(tf.errors.OpError) as raised:
        bare(**inputs)
    assert "Expected" not in str(raised.value)


@pytest.mark.parametrize("bad", [-1, 10, 2**31 - 1, -(2**31)])
def test_ids(two, bad):
    inputs = models.two_branch_inputs(2)
    inputs["tokens"][1, 3] = bad
    said = error(two[0], **inputs)
    assert "Expected input `tokens` of ids from 0 to 9." in said and f"{bad}]" in said.replace(
        f"[{bad} ", f"{bad}]"
    )


@pytest.mark.parametrize("batch", [0, 1, 7])
def test_right_requests_are_answered_as_before(two, batch):
    inputs = models.two_branch_inputs(batch)
    checked, bare = (session(**inputs) for session in two)
    for name, value in bare.items():
        np.testing.assert_array_equal(checked[name], value)
        assert len(value) == batch


def test_the_signature_keeps_its_shapes(two):
    found = _saved_model.read(two[0].path).signature_def["serving_default"]
    shapes = {name: spec.shape.as_list() for name, spec in _saved_model.specs(found.inputs).items()}
    assert shapes == {"image": [None, 4, 4, 3], "tokens": [None, 5]}


def nested():
    inner = keras.Input((4,), dtype="int32", name="inner")
    encoder = keras.Model(inner, keras.layers.Embedding(7, 3)(keras.layers.Reshape((2, 2))(inner)))
    left, right = (keras.Input((4,), dtype="int64", name=name) for name in ("left", "right"))
    both = [keras.layers.Flatten()(encoder(side)) for side in (left, right)]
    return keras.Model({"left": left, "right": right}, keras.layers.Subtract(name="y")(both))


def sequential():
    stack = [keras.Input((4,), name="right"), keras.layers.Embedding(7, 3), keras.layers.Flatten()]
    return keras.Sequential([*stack, keras.layers.Dense(1)])


def one_column():
    """A column of a float input, of which others are numbers."""
    x = keras.Input((4,), name="right")
    rows = keras.layers.Embedding(7, 2)(keras.ops.cast(x[:, 2:3], "int32"))
    return keras.Model(x, keras.layers.Flatten(name="y")(rows))


def spread():
    steps = keras.Input((2, 4), dtype="int32", name="right")
    return keras.Model(
        steps, keras.layers.TimeDistributed(keras.layers.Embedding(7, 2), name="y")(steps)
    )


def pruned():
    return pruning.prune(sequential(), 0.5)


@pytest.mark.parametrize("make", [nested, sequential, pruned, one_column, spread])
def test_ids_are_followed_to_the_input(tmp_path, make):
    model = make()
    session = RawSession(export(model, tmp_path))
    good = {
        name: np.full((2, *spec.shape[1:]), 6, spec.dtype.as_numpy_dtype)
        for name, spec in session.specs.items()
    }
    session(**good)
    for bad in (-1, 7):
        wrong = {**good, "right": good["right"].copy()}
        wrong["right"].reshape(2, -1)[1, 2] = bad
        assert "Expected input `right` of ids from 0 to 6." in error(session, **wrong)
    if make is one_column:
        good["right"][:, 0] = -3.5
        session(**good)


def columns_in_one_table():
    x = keras.Input((3,), dtype="int32", name="fields")
    rows = keras.ops.take(x, np.array([0, 2]), axis=1) + np.array([0, 5])
    return keras.Model(x, keras.layers.Flatten(name="y")(keras.layers.Embedding(9, 4)(rows)))


def field_aware():
    x = keras.Input((2,), dtype="int32", name="fields")
    wide = keras.ops.take(x, np.array([0, 1]), axis=1)
    return keras.Model(
        x, layers.FieldAwareFactorizationMachine((5, 4), 3, reduce=True, name="y")(wide)
    )


@pytest.mark.parametrize(
    ("make", "first", "second", "expected"),
    [
        # What a column may not have is the model's own affair: a row is looked up all the same.
        (columns_in_one_table, (0, 8), (-5, 3), "from [0, -5] and below [9, 4], by column"),
        (field_aware, (0, 4), (0, 3), "from 0 and below [5, 4], by column"),
    ],
    ids=["one table", "field aware"],
)
def test_ids_of_several_columns(tmp_path, make, first, second, expected):
    session = RawSession(export(make(), tmp_path))
    width = session.specs["fields"].shape[1]
    for column, (least, largest) in ((0, first), (-1, second)):
        ids = np.zeros((3, width), "int32")
        for ids[1, column] in (least, largest):
            session(fields=ids)
        for ids[1, column] in (least - 1, largest + 1):
            assert f"Expected input `fields` of ids {expected}." in error(session, fields=ids)


def test_inputs_before_and_after_the_preprocessing(tmp_path):
    """Ids that the preprocessing makes are its own; those that it passes on are the request's."""
    text = keras.Input((), dtype="string", name="text")
    words = keras.layers.TextVectorization(output_sequence_length=3, vocabulary=["a", "b"])
    codes = keras.Input((3,), dtype="int64", name="codes")
    before = keras.Model(
        {"text": text, "codes": codes},
        {
            "tokens": keras.ops.cast(words(text), "int32"),
            "ids": datasets._layers.Ids()(codes),
        },
    )
    tokens = keras.Input((3,), dtype="int32", name="tokens")
    ids = keras.Input((3,), dtype="int32", name="ids")
    own = keras.Input((3,), dtype="int32", name="own")
    looked_up = [
        keras.layers.Flatten()(keras.layers.Embedding(size, 2)(x))
        for size, x in ((4, tokens), (5, ids), (6, own))
    ]
    model = keras.Model([tokens, ids, own], keras.layers.Add(name="y")(looked_up))
    session = RawSession(export(model, tmp_path, preprocessing=before))
    good = {
        "text": np.array(["a b", "é"], object),
        "codes": np.full((2, 3), 4),
        "own": np.full((2, 3), 5, "int32"),
    }
    session(**good)
    assert "input `codes` of ids from 0 to 4" in error(
        session, **{**good, "codes": good["codes"] + 1}
    )
    assert "input `own` of ids from 0 to 5" in error(session, **{**good, "own": good["own"] + 1})


def test_checks_stand_outside_of_what_xla_compiles(tmp_path):
    path = export(models.two_branches(), tmp_path, xla=True)
    session = RawSession(path)
    inputs = models.two_branch_inputs(2)
    inputs["tokens"][0, 0] = 10
    assert "Expected input `tokens` of ids from 0 to 9." in error(session, **inputs)
    compiled = [
        function
        for function in _saved_model.read(path).graph_def.library.function
        if "_XlaMustCompile" in function.attr and function.attr["_XlaMustCompile"].b
    ]
    assert compiled
    assert not [n.name for function in compiled for n in function.node_def if n.op == "Assert"]


def test_further_signatures_have_their_own_inputs(tmp_path):
    scores = keras.layers.Dense(3, "softmax", name="scores")
    x = keras.Input((4,), name="x")
    other = keras.Input((2,), name="state")
    model = keras.Model(x, scores(x))
    step = keras.Model(other, keras.layers.Dense(1, name="y")(other))
    path = export(model, tmp_path, signatures={"step": step}, labels=("a", "b", "c"))
    assert "input `x` of shape (batch, 4)" in error(
        RawSession(path, "classify"), x=np.zeros((1, 5), "f")
    )
    assert "input `state` of shape (batch, 2)" in error(
        RawSession(path, "step"), state=np.zeros((1, 5), "f")
    )
