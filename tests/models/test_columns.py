"""Named columns: what is found in a table, what becomes of its values, and the models on them."""

import json

import keras
import numpy as np
import pandas
import pytest

from keras_hadamard import models, serving
from keras_hadamard.models import (
    CategoryColumn,
    DeepCrossNetwork,
    NumberColumn,
    SequenceColumn,
    columns_of,
)
from keras_hadamard.models._columns import Fields
from keras_hadamard.models.columns import config_of

TABLE = {
    "age": [31.0, 52.0, np.nan, 40.0],
    "rooms": [2, 3, 3, 4],
    "city": ["Bern", "Basel", None, "Bern"],
    "item": [7, 8, 9, 7],
    "seen": [[7, 8], [], [9], [7, 8, 100]],
    "open": [True, False, True, True],
    "clicked": [0, 1, 0, 1],
}
FRAME = pandas.DataFrame(TABLE)
HOW = {"target": "clicked", "shares": {"seen": "item"}, "categories": ["item"]}


def network(columns=None, **kwargs):
    keras.utils.set_random_seed(1)
    columns = columns_of(FRAME, **HOW) if columns is None else columns
    return DeepCrossNetwork(columns, hidden_units=(5,), embedding_dim=3, **kwargs)


@pytest.mark.parametrize("table", [TABLE, FRAME], ids=["dict", "frame"])
def test_columns_of_a_table(table):
    assert columns_of(table, **HOW) == [
        NumberColumn("age", 41.0, np.var([31, 52, 40])),
        NumberColumn("rooms", 3.0, 0.5),
        CategoryColumn("city", ("Bern", "Basel")),
        # The values of the sequences too, the most frequent ones first.
        CategoryColumn("item", (7, 8, 9, 100)),
        SequenceColumn("seen", shares="item"),
        CategoryColumn("open", (1, 0)),
    ]


def test_columns_as_they_are_asked_for():
    columns = columns_of(
        FRAME[["city", "item"]],
        buckets={"item": 50},
        embedding_dims={"city": 2},
        least=2,
    )
    assert columns == [
        CategoryColumn("city", ("Bern",), embedding_dim=2),
        CategoryColumn("item", buckets=50, dtype="int64"),
    ]


def test_a_table_becomes_ids_and_standardised_numbers():
    encoded = network().encode(FRAME)
    # 0 is missing, 1 any other value; a missing number is the mean.
    known = np.array([31, 52, 41, 40])
    np.testing.assert_allclose(encoded["age"], (known - 41) / np.std([31, 52, 40]), rtol=1e-5)
    np.testing.assert_array_equal(encoded["city"], [2, 3, 0, 2])
    np.testing.assert_array_equal(encoded["item"], [2, 3, 4, 2])
    np.testing.assert_array_equal(encoded["seen"], [[2, 3, 0], [0, 0, 0], [4, 0, 0], [2, 3, 5]])
    np.testing.assert_array_equal(encoded["open"], [2, 3, 2, 2])
    other = network().encode({**TABLE, "city": ["Genf"] * 4, "item": [3] * 4})
    np.testing.assert_array_equal(other["city"], [1] * 4)
    np.testing.assert_array_equal(other["item"], [1] * 4)


def test_a_sequence_keeps_its_last_values():
    columns = [CategoryColumn("item", size=200), SequenceColumn("seen", shares="item", length=2)]
    encoded = network(columns).encode(FRAME)
    np.testing.assert_array_equal(encoded["item"], [8, 9, 10, 8])
    np.testing.assert_array_equal(encoded["seen"], [[8, 9], [0, 0], [10, 0], [9, 101]])
    # Ids that are none are missing.
    small = network([CategoryColumn("item", size=8)]).encode({"item": [-1, 7, 8, 99]})
    np.testing.assert_array_equal(small["item"], [0, 8, 0, 0])


@pytest.mark.parametrize("values", [["a", "b", "a", ""], [5, 6, 5, -1]])
def test_hashed_values_are_ids_below_the_buckets(values):
    kind = "string" if isinstance(values[0], str) else "int64"
    encoded = network([CategoryColumn("x", buckets=4, dtype=kind)]).encode({"x": values})["x"]
    assert encoded[0] == encoded[2] > 0
    assert encoded[3] == 0
    assert encoded.max() < 4


def test_the_model_with_its_preprocessing_is_the_model_of_encoded_columns():
    model = network()
    raw = model.with_preprocessing()
    given = {
        "age": [31.0, 52.0, np.nan, 40.0],
        "rooms": [2.0, 3.0, 3.0, 4.0],
        "city": ["Bern", "Basel", "", "Bern"],
        "item": [7, 8, 9, 7],
        "seen": [[7, 8, -1], [-1, -1, -1], [9, -1, -1], [7, 8, 100]],
        "open": [1, 0, 1, 1],
    }
    given = {name: keras.ops.convert_to_tensor(values) for name, values in given.items()}
    expected = model(model.encode(FRAME))
    np.testing.assert_allclose(raw(given), expected, rtol=1e-5)
    assert len(raw.trainable_weights) == len(model.trainable_weights)


def test_the_model_with_its_preprocessing_runs_on_a_stock_server(one_loader, tmp_path):
    model = network().with_preprocessing()
    serving.export(model, tmp_path)
    report = serving.check(tmp_path, model)
    assert report.ok, str(report)
    assert "float32, int64, string" in str(report)


def test_it_goes_through_files_with_all_its_columns(tmp_path):
    model = network([*columns_of(FRAME, **HOW)[:2], CategoryColumn("city", buckets=5)])
    config = json.loads(json.dumps(model.get_config()))
    assert DeepCrossNetwork.from_config(config).columns == model.columns
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(again.encode(FRAME)), model(model.encode(FRAME)))


def test_a_column_and_its_configuration_are_the_same():
    for column in (*columns_of(FRAME, **HOW), CategoryColumn("x", buckets=3, embedding_dim=2)):
        config = json.loads(json.dumps(config_of(column)))
        (again,) = Fields([config], 3).columns if column.name != "seen" else [column]
        assert again == column


def test_it_learns_what_two_columns_say_together():
    rng = np.random.default_rng(0)
    user, item = rng.integers(0, 8, (2, 4096))
    table = {"user": [f"u{n}" for n in user], "item": item}
    likes = rng.normal(size=(8, 8)) > 0
    columns = columns_of(table, categories=["item"])
    model = network(columns)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["auc"])
    encoded = model.encode(table)
    model.fit(encoded, likes[user, item].astype("float32"), batch_size=128, epochs=8, verbose=0)
    _, auc = model.evaluate(encoded, likes[user, item].astype("float32"), verbose=0)
    assert auc > 0.98


def test_embeddings_are_shared_and_of_unequal_widths():
    columns = [
        CategoryColumn("item", size=4, embedding_dim=2),
        SequenceColumn("seen", shares="item"),
        NumberColumn("price"),
        CategoryColumn("city", size=2),
    ]
    model = network(columns)
    names = [w.path for w in model.weights if "embedding" in w.path]
    assert len(names) == 3
    assert model.get_layer("item_embedding").weights[0].shape == (5, 2)
    # 2 + 2 + 3 + 3 features side by side.
    assert model.get_layer("crosses").input.shape == (None, 10)
    fields = Fields(columns, 3)
    assert fields.stacked().shape == (None, 4, 3)
    assert fields.linear().shape == (None, 1)


def test_a_sequence_is_the_mean_of_what_is_not_missing():
    columns = [SequenceColumn("seen", size=4)]
    fields = Fields(columns, 3)
    model = keras.Model(fields.inputs, fields.side_by_side())
    table = np.asarray(model.get_layer("seen_embedding").weights[0])
    ids = np.array([[1, 3, 0], [2, 0, 0], [0, 0, 0]])
    expected = [(table[1] + table[3]) / 2, table[2], np.zeros(3)]
    np.testing.assert_allclose(model({"seen": ids}), expected, rtol=1e-6)


WRONG = {
    "a name with a blank": lambda: NumberColumn("a b"),
    "a negative variance": lambda: NumberColumn("a", variance=-1),
    "no ids": lambda: CategoryColumn("a"),
    "two kinds of ids": lambda: CategoryColumn("a", buckets=3, size=3),
    "one bucket": lambda: CategoryColumn("a", buckets=1),
    "a value twice": lambda: CategoryColumn("a", vocabulary=("b", "b")),
    "strings and integers": lambda: CategoryColumn("a", vocabulary=("b", 1)),
    "no length": lambda: SequenceColumn("a", size=3, length=0),
    "no columns": lambda: network([]),
    "a dict of columns": lambda: Fields({"a": 3}, 2),
    "a name twice": lambda: network([NumberColumn("a"), CategoryColumn("a", size=2)]),
    "ids of nobody": lambda: network([CategoryColumn("a", shares="b")]),
    "ids of a number": lambda: network([NumberColumn("b"), CategoryColumn("a", shares="b")]),
    "no column": lambda: network([{"kind": "date", "name": "a"}]),
    "a column that is not there": lambda: network().encode({"age": [1.0]}),
    "strings for integers": lambda: network().encode({**TABLE, "item": ["7", "8", "9", "7"]}),
    "no sequences": lambda: network().encode({**TABLE, "seen": [7, 8, 9, 7]}),
    "dates": lambda: columns_of({"day": np.array(["2026-01-01"], "datetime64[D]")}),
    "an unknown target": lambda: columns_of(FRAME, target="bought"),
    "nothing known": lambda: columns_of({"city": ["a", "b"]}, least=2),
    "an image": lambda: columns_of({"x": np.zeros((2, 3, 4))}),
    "no columns to encode": lambda: DeepCrossNetwork(5).encode(FRAME),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told(wrong):
    with pytest.raises(ValueError, match=r"Expected .*Received: "):
        WRONG[wrong]()


def test_the_descriptions_are_public():
    assert {"NumberColumn", "CategoryColumn", "SequenceColumn", "columns_of"} <= set(dir(models))
