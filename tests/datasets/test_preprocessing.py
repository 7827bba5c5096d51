"""What made the arrays makes them again: of every kind of column, after a save, when served."""

import datetime
import re

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_hadamard import serving
from keras_hadamard.datasets import _layers, load_arrays

TEXTS = [
    "The quick brown fox jumps",
    "El niño comió piñas, ¿verdad?",
    "быстрая коричневая лиса прыгает",
    "東京都は日本の首都です",
    "我们今天去图书馆看书",
    "تقفز الثعالب البنية السريعة",
    "तेज़ भूरी लोमड़ी कूदती है",
    "สุนัขจิ้งจอกสีน้ำตาลกระโดด",
    "빠른 갈색 여우가 뛴다",
    "γρήγορη καφέ αλεπού πηδά",
]


def table(count=200, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(50, 7, count)
    numbers[rng.random(count) < 0.3] = np.nan
    skewed = rng.normal(size=count)
    skewed[:3] = [1e6, -1e6, 5e5]
    return pd.DataFrame(
        {
            "sepal length (cm)": numbers,
            "skewed": skewed,
            "class of": rng.choice(["a", "b", "c\nd", None], count),
            "价格": rng.integers(0, 5, count),
            "self": rng.random(count) < 0.5,
            "cast": rng.choice(["Ä", "дом", "字", "ع", "ह"], count),
            "when": pd.date_range("2020-01-01", periods=count, freq="7h").astype(str),
            "day": pd.date_range("1969-11-01", periods=count, freq="9D"),
            "text": [f"{TEXTS[i % 10]} {i}" for i in rng.integers(0, 99, count)],
            "A": rng.normal(size=count),
            "a": rng.normal(size=count),
            "label": rng.choice(["no", "yes"], count),
        }
    )


def test_every_kind_of_column(check_preprocessing):
    data = load_arrays(table())
    kinds = {c.name: c.kind for c in data.columns if c.role == "input"}
    assert kinds == {
        "sepal length (cm)": "number",
        "skewed": "number",
        "class of": "category",
        "价格": "category",
        "self": "category",
        "cast": "category",
        "when": "date",
        "day": "date",
        "text": "text",
        "A": "number",
        "a": "number",
    }
    keys = {c.name: c.key for c in data.columns if c.role == "input" and c.key != c.name}
    assert keys == {
        "sepal length (cm)": "sepal_length_cm",
        "class of": "class_of",
        "价格": "column_4",
        "self": "self_",
        "a": "a_2",
    }
    types = {name: tensor.dtype for name, tensor in data.preprocessing.input.items()}
    assert types["sepal_length_cm"] == "float32" and types["column_4"] == "int64"
    assert types["self_"] == "bool" and types["when"] == types["text"] == "string"
    assert all(len(rows) == 8 for rows in data.raw.values())
    phrases = {c.name: c.encoding for c in data.columns}
    assert "missing indicator" in phrases["sepal length (cm)"]
    assert "outliers above" in phrases["skewed"] and "hour" in phrases["when"]
    assert "hour" not in phrases["day"]
    check_preprocessing(data)


@pytest.mark.parametrize("text", TEXTS)
def test_words_of_every_script(check_preprocessing, text):
    data = load_arrays({"text": [f"{text} {i % 40}" for i in range(80)], "y": ["a", "b"] * 40},
                       kinds={"text": "text"})  # fmt: skip
    spec = data.inputs["text"]
    # Latin, Cyrillic and the like by word; Chinese, Japanese and Thai by character.
    shown = "".join(char for char in text.lower() if char.isalnum() or char in " ") or text
    known = set("".join(spec.words[2:]))
    assert {char for char in shown if char != " "} <= known
    unspaced = " " not in text
    assert spec.shape[0] >= (len(text) // 2 if unspaced else text.count(" ")) + 1
    if unspaced:
        # A letter with its marks at most.
        assert max(len(word) for word in spec.words[2:] if not word.isdigit()) <= 3
    else:
        words = re.sub(r"[^\w\s\u0900-\u097f]", "", text.lower()).split()
        assert set(words) < set(spec.words)
    assert (data.train.inputs["text"][:, 0] > 1).all()
    loaded = check_preprocessing(data)
    ids = np.asarray(loaded({"text": tf.constant([text.upper(), "", "zzz"])})["text"])
    expected = data.train.inputs["text"][0]
    width = int((expected > 0).sum()) - 1
    np.testing.assert_array_equal(ids[0, :width], expected[:width])
    assert (ids[1] == 0).all() and ids[2].tolist() == [1] + [0] * (spec.shape[0] - 1)


def test_requests_with_what_training_has_not():
    data = load_arrays(table())
    rows = {name: values[:3].copy() for name, values in data.raw.items()}
    known = {name: np.asarray(v) for name, v in data.preprocessing(tensors(rows)).items()}
    rows["class_of"][:] = ["", "new", "a"]
    rows["column_4"][:] = [99, -1, 0]
    rows["sepal_length_cm"][:] = [np.nan, 1e30, 50]
    rows["when"][:] = ["", "no date", "2020-01-01T00:00:00"]
    made = {name: np.asarray(v) for name, v in data.preprocessing(tensors(rows)).items()}
    fields = [c.name for c in data.columns if c.kind == "category" and c.role == "input"]
    ids = dict(zip(fields, made["categories"].T, strict=True))
    assert ids["class of"][:2].tolist() == [0, 1] and ids["class of"][2] >= 2
    assert ids["价格"][:2].tolist() == [1, 1] and ids["价格"][2] >= 2
    assert np.isfinite(made["numbers"]).all()
    # The mean where there is no number, and then the indicator.
    assert made["numbers"][0, 0] == 0
    assert (known["numbers"] != made["numbers"]).any()
    assert made["numbers"].shape == known["numbers"].shape


def tensors(rows):
    return {name: tf.constant(value) for name, value in rows.items()}


def test_outliers_are_clipped_before_the_statistics():
    data = load_arrays(table())
    skewed = data.train.inputs["numbers"][:, 1]
    assert skewed.std() == pytest.approx(1, abs=1e-5)
    # Beside a number of a million all others would be the same.
    middle = np.sort(skewed)[len(skewed) // 4 : -len(skewed) // 4]
    assert np.ptp(middle) > 0.5 and np.abs(skewed).max() < 12


def test_missing_numbers_have_an_indicator():
    data = load_arrays(table())
    raw, values = data.raw["sepal_length_cm"], data.test.inputs["numbers"][:8]
    (indicator,) = [
        column
        for column in range(values.shape[1])
        if set(np.unique(data.train.inputs["numbers"][:, column])) == {0.0, 1.0}
    ]
    np.testing.assert_array_equal(values[:, indicator], np.isnan(raw))
    assert (values[np.isnan(raw), 0] == 0).all()
    known = data.train.inputs["numbers"][:, 0][data.train.inputs["numbers"][:, indicator] == 0]
    assert known.mean() == pytest.approx(0, abs=1e-5) and known.std() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("hours", [False, True])
def test_dates_are_those_of_the_calendar(hours):
    rng = np.random.default_rng(0)
    seconds = rng.integers(-(2**32), 2**32, 300)
    start = datetime.datetime(1970, 1, 1)
    times = [start + datetime.timedelta(seconds=int(s)) for s in seconds]
    times += [datetime.datetime(2000, 2, 29), datetime.datetime(1900, 3, 1, 23, 59, 59)]
    layer = _layers.DateFeatures(day=100.0, hours=hours)
    made = np.asarray(layer(tf.constant([time.isoformat() for time in times])))
    days = [(time - start) / datetime.timedelta(days=1) - 100 for time in times]
    expected = [days, [time.year for time in times]]
    for values, period in (
        ([time.month - 1 for time in times], 12),
        ([time.weekday() for time in times], 7),
        ([time.hour * 3600 + time.minute * 60 + time.second for time in times], 86_400),
    )[: 3 if hours else 2]:
        angles = np.array(values) * 2 * np.pi / period
        expected += [np.sin(angles), np.cos(angles)]
    np.testing.assert_allclose(made, np.array(expected).T, rtol=1e-6, atol=1e-5)


def test_ways_to_write_a_date():
    layer = _layers.DateFeatures()
    same = ["2024-03-01T01:30:00Z", "2024-03-01 01:30", "2024-03-01T03:30:00+02:00",
            "2024-02-29T20:30:00.5-0500", " 2024-3-1T01:30:00.25 "]  # fmt: skip
    made = np.asarray(layer(tf.constant(same)))
    np.testing.assert_allclose(made, np.repeat(made[:1], len(same), 0), rtol=1e-6)
    assert made[0, 0] == pytest.approx(19_783 + 1.5 / 24)
    wrong = ["", "2024", "2024-13-01", "2024-01-32", "01.02.2024", "2024-01-01 noon"]
    assert np.isnan(np.asarray(layer(tf.constant(wrong)))).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_are_standardised_too(check_preprocessing, dtype):
    rng = np.random.default_rng(0)
    x, image = rng.normal(3, 2, (60, 5)).astype(dtype), rng.normal(3, 2, (60, 4, 4, 2))
    x[::4, 2] = np.nan
    data = load_arrays({"x": x, "image": image, "pixels": np.arange(960, dtype="uint8").reshape(
        60, 4, 4), "ids": np.arange(120).reshape(60, 2), "y": np.arange(60) % 2})  # fmt: skip
    assert data.inputs["x"].shape == (6,) and data.inputs["x"].normalized
    assert np.abs(data.train.inputs["image"].mean((0, 1, 2))).max() < 1e-5
    assert data.inputs["pixels"].pixels == "uint8" and not data.inputs["pixels"].normalized
    assert set(np.unique(data.test.inputs["x"][:, 5])) == {0, 1}
    assert set(data.raw) == {"x", "image", "pixels", "ids"}
    check_preprocessing(data)


@pytest.mark.slow
def test_a_table_is_served(one_loader, tmp_path):
    data = load_arrays(table())
    inputs = {
        name: keras.Input(spec.shape, dtype=data.train.inputs[name].dtype.name, name=name)
        for name, spec in data.inputs.items()
    }
    flat = [keras.layers.Rescaling(0.1)(value) for value in inputs.values()]
    scores = keras.layers.Dense(2, "softmax", name="answer")(keras.layers.Concatenate()(flat))
    model = keras.Model(inputs, scores)
    options = serving.ExportOptions(preprocessing=data.preprocessing, labels=data.classes)
    examples = {
        name: np.array([v.encode() for v in values], object) if values.dtype == object else values
        for name, values in data.raw.items()
    }
    path = serving.export(model, tmp_path / "table", examples=examples, options=options)
    report = serving.check(path)
    assert report.ok, str(report)
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    got = signature(**{name: tf.constant(value) for name, value in examples.items()})["answer"]
    test = {name: array[:8] for name, array in data.test.inputs.items()}
    np.testing.assert_allclose(got, model(test), rtol=1e-5, atol=1e-6)
