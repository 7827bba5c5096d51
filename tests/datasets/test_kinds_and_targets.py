"""The inferred kinds of columns and targets, and their descriptions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_iris

from keras_hadamard.datasets import load_arrays

RNG = np.random.default_rng(0)
WORDS = np.array(list("abcdefghijklmno"))


def kind_of(values, **options):
    target = np.arange(len(values)) % 2
    frame = pd.DataFrame({"x": values, "other": RNG.normal(size=len(values)), "y": target})
    data = load_arrays(frame, **options)
    return next(c for c in data.columns if c.name == "x"), data.warnings


def sentences(count, words=6):
    return [" ".join(RNG.choice(WORDS, words)) + f" {i}" for i in range(count)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RNG.normal(size=100), "number"),
        (RNG.integers(0, 90, 100), "number"),
        (RNG.integers(0, 4, 100), "category"),
        (np.where(RNG.random(100) < 0.3, np.nan, RNG.integers(0, 4, 100)), "category"),
        (RNG.random(100) < 0.5, "category"),
        ([True, None, False, True] * 25, "category"),
        (RNG.choice(["red", "green"], 100), "category"),
        (RNG.choice(["New York", "Los Angeles"], 100), "category"),
        ([f"{i:.2f}" for i in RNG.normal(size=100)], "number"),
        (sentences(100), "text"),
        (["私は猫が好きです" + "一二三四五六七八九"[i % 9] * (i + 1) for i in range(100)], "text"),
        ([f"c{i}x{i * 7919 % 10007}" for i in range(100)], "id"),
        (np.arange(100) + 1, "id"),
        (RNG.permutation(10**6)[:100], "id"),
        (pd.date_range("2020", periods=100, freq="D"), "date"),
        (pd.date_range("2020", periods=100, freq="D").astype(str), "date"),
        (pd.date_range("2020", periods=100, freq="h", tz="Asia/Tokyo"), "date"),
        ([f"{d}.{m}.2021" for d in range(1, 26) for m in (1, 5, 9, 12)], "date"),
        (pd.Series(RNG.choice(["u", "v"], 100)).astype("category"), "category"),
        (pd.Series(RNG.integers(0, 90, 100)).astype("Int64"), "number"),
        (RNG.normal(size=100).astype("float32"), "number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_kind_is_inferred(values, kind):
    column, warnings = kind_of(values)
    assert column.kind == kind
    assert column.role == ("dropped" if kind == "id" else "input")
    assert any("like an id" in warning for warning in warnings) == (kind == "id")


def test_kind_is_asked_for():
    assert kind_of(np.arange(100), kinds={"x": "number"})[0].kind == "number"
    assert kind_of(RNG.integers(0, 90, 100), kinds={"x": "category"})[0].kind == "category"
    assert kind_of(["red", "green"] * 50, kinds={"x": "text"})[0].kind == "text"
    column, warnings = kind_of(np.arange(100), kinds={"x": "drop"})
    assert column.role == "dropped" and not warnings


def test_days_before_months():
    values = [f"{day}/{month}/2021" for day in range(1, 26) for month in (1, 5, 9, 12)]
    column, _ = kind_of(values)
    assert "day/month/year" in column.encoding
    column, _ = kind_of([f"{m}/{d}/2021" for d in range(1, 11) for m in range(1, 11)])
    assert "month/day/year" in column.encoding


def test_many_values_share_unseen():
    values = [f"v{min(i % 97, i % 50)}" for i in range(400)] + [f"once{i}" for i in range(100)]
    values = RNG.permutation(values)
    data = load_arrays({"x": values, "y": np.arange(500) % 2}, kinds={"x": "category"})
    ids = data.train.inputs["categories"][:, 0]
    assert (ids == 1).sum() > 40 and ids.max() + 1 == data.inputs["categories"].vocabulary_sizes[0]
    counts = np.bincount(ids)[2:]
    assert (np.diff(counts) <= 0).all() and counts.min() >= 2
    assert "rare ones" in data.columns[0].encoding


def test_columns_that_say_nothing_are_dropped():
    frame = pd.DataFrame({"same": 1, "none": [None] * 60, "x": RNG.normal(size=60)})
    frame["y"] = np.arange(60) % 2
    data = load_arrays(frame)
    assert [c.role for c in data.columns] == ["dropped", "dropped", "input", "target"]
    assert "`same`, `none`" in data.warnings[0]
    with pytest.raises(ValueError, match="at least one input column"):
        load_arrays(frame.drop(columns="x"))


def test_values_that_do_not_fit_the_column():
    values = [str(i / 3) for i in range(97)] + ["n/k"] * 3
    column, warnings = kind_of(values)
    assert column.kind == "number" and "3 values that are not numbers ('n/k')" in warnings[0]
    with pytest.raises(ValueError, match=r"numbers\. Received: value='n/k', column='x', row=\d+"):
        kind_of(values, kinds={"x": "number"})
    with pytest.raises(ValueError, match=r"dates\. Received: value='n/k', column='x', row=\d+"):
        kind_of(["2020-01-01"] * 97 + ["n/k"] * 3, kinds={"x": "date"})


def load(y, **options):
    count = len(y)
    frame = pd.DataFrame({"x": np.random.default_rng(1).normal(size=count)})
    frame["y"] = pd.Series(y)
    return load_arrays(frame, **options)


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["no", "yes"] * 30, "binary", ("no", "yes")),
        ([True, False] * 30, "binary", ("False", "True")),
        ([0.0, 1.0] * 30, "binary", ("0", "1")),
        ([-1, 1] * 30, "binary", ("-1", "1")),
        (["0", "1", "10", "2"] * 15, "multiclass", ("0", "1", "2", "10")),
        (["b", "a", " c "] * 20, "multiclass", ("a", "b", "c")),
        ([1, 2, 3, 4, 5] * 12, "multiclass", ("1", "2", "3", "4", "5")),
        (np.arange(60) / 7, "regression", ("y",)),
        (np.arange(60), "regression", ("y",)),
    ],
)
def test_task_is_inferred(values, task, classes):
    data = load(values)
    assert data.task == task and data.classes == classes
    assert data.train.targets.dtype == ("float32" if task == "regression" else "int32")


def test_task_is_asked_for():
    assert load([1, 2, 3, 4, 5] * 12, task="regression").train.targets.max() == 5
    data = load(np.repeat(np.arange(30) * 10, 4), task="multiclass")
    assert len(data.classes) == 30 and data.classes[1] == "10"
    with pytest.raises(ValueError, match=r"two classes for the task 'binary'.*target='y'"):
        load([1, 2, 3] * 20, task="binary")
    with pytest.raises(ValueError, match=r"numbers\. Received: value='a', column='y', row=1"):
        load(["a", "b"] * 20, task="regression")
    with pytest.raises(ValueError, match="`task` to be one of"):
        load([1, 2] * 20, task="classification")


def test_several_targets():
    frame = pd.DataFrame(RNG.normal(size=(60, 4)), columns=["x", "z", "speed", "height"])
    data = load_arrays(frame, target="speed, height")
    assert data.task == "regression" and data.classes == ("speed", "height")
    assert data.train.targets.shape == (42, 2) and data.train.targets.dtype == np.float32
    labels = frame.assign(cat=RNG.random(60) < 0.4, dog=RNG.integers(0, 2, 60))
    data = load_arrays(labels[["x", "z", "cat", "dog"]], target=["cat", "dog"])
    assert data.task == "multilabel" and data.classes == ("cat", "dog")
    assert data.train.targets.dtype == np.int32 and set(np.unique(data.train.targets)) == {0, 1}


@pytest.mark.parametrize("as_lists", [False, True])
def test_labels_in_one_column(as_lists):
    lists = [["red"], ["red", "round"], [], ["round"], ["blue", "round", "red"]] * 12
    values = lists if as_lists else [";".join(labels) for labels in lists]
    data = load_arrays({"x": RNG.normal(size=60), "y": pd.Series(values)}, task="multilabel")
    assert data.classes == ("blue", "red", "round") and data.train.targets.shape == (42, 3)
    everything = np.concatenate([s.targets for s in (data.train, data.validation, data.test)])
    np.testing.assert_array_equal(everything.sum(0), [12, 36, 36])


def test_the_target_is_found_or_asked_for():
    frame = pd.DataFrame({"x": RNG.normal(size=40), "Label": ["a", "b"] * 20})
    assert load_arrays(frame).classes == ("a", "b")
    other = frame.rename(columns={"Label": "outcome"})
    assert load_arrays(other, target="outcome").classes == ("a", "b")
    with pytest.raises(ValueError, match=r"`target` to name the column.*columns=\['x', 'outcome'"):
        load_arrays(other)
    with pytest.raises(ValueError, match=r"did you mean 'outcome'\?.*target='outcom'"):
        load_arrays(other, target="outcom")


def test_missing_targets_are_dropped_and_counted():
    data = load([None, "a", "b", "a", "b"] * 12)
    assert sum(map(len, (data.train, data.validation, data.test))) == 48
    assert "12 of 60 rows have no target" in data.warnings[0]
    with pytest.raises(ValueError, match=r"rows with a target.*target=\['y'\], missing=40"):
        load([None] * 40)


def test_a_target_among_the_inputs():
    target = np.array(["no", "yes"] * 30)
    for copy in (target, np.where(target == "no", "N", "Y"), np.where(target == "no", 3, 8)):
        data = load_arrays({"x": RNG.normal(size=60), "copy": copy, "y": target})
        assert any("`copy` determines the target" in warning for warning in data.warnings)
    number = RNG.normal(size=60)
    data = load_arrays({"x": RNG.normal(size=60), "scaled": 3 * number + 1, "y": number})
    assert any("`scaled` determines the target `y`" in warning for warning in data.warnings)
    data = load_arrays({"x": number, "z": number + RNG.normal(size=60) / 9, "y": number / 2 + 1})
    assert [w for w in data.warnings if "determines" in w] == [
        w for w in data.warnings if "`x`" in w
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([f"c{i}" for i in range(50)] * 1 + ["c0"] * 20, "has 50 classes in 70 rows"),
        (np.repeat(np.arange(15), 4), "has 15 classes in 60 rows (regression?)"),
        (np.arange(60), "60 distinct integers in 60 rows"),
        (["a", "b"] * 30 + ["rare"] * 3, "Fewer than 5 training rows: class 'rare'"),
        (["a", "b"] * 30 + ["once"], "One row only, which is in training: class 'once'"),
    ],
)
def test_targets_that_are_suspicious(values, words):
    data = load(values)
    assert any(words in warning for warning in data.warnings), data.warnings


def test_codes_among_integers():
    codes = RNG.choice([101, 102, 205, 310, 999, 1200, 1300, 1400, 1500, 1600, 2000, 2500], 400)
    column, warnings = kind_of(codes)
    assert column.kind == "number"
    assert any("integers that look like categories (12 distinct)" in w for w in warnings)


def test_few_rows_many_features_and_repeated_rows():
    data = load_arrays(pd.DataFrame(RNG.normal(size=(20, 30))).assign(y=[0, 1] * 10))
    assert [len(s) for s in (data.train, data.validation, data.test)] == [14, 3, 3]
    assert "fewer rows (14) than features (30)" in " ".join(data.warnings)
    frame = pd.DataFrame({"x": RNG.normal(size=100), "y": [0, 1] * 50})
    data = load_arrays(pd.concat([frame, frame[:30]]))
    assert any("are also in training" in warning for warning in data.warnings)


def test_whole_numbers_with_some_missing_are_classes():
    data = load([1.0, 2.0, 3.0, np.nan, 1.0, 2.0] * 10)
    assert data.task == "multiclass" and data.classes == ("1", "2", "3")
    data = load([1.0, 2.0, 3.0] * 20)
    assert data.task == "regression" and "3 distinct whole numbers" in data.warnings[0]


@pytest.mark.parametrize("width", [2, 3])
def test_one_hot_targets_are_classes(width):
    labels = np.arange(60) % width
    x = RNG.normal(size=(60, 2)) + labels[:, None] * 100
    data = load_arrays({"x": x, "y": np.eye(width)[labels]})
    assert data.task == ("binary" if width == 2 else "multiclass") and len(data.classes) == width
    assert f"taken as {width} classes" in data.warnings[0]
    order = np.argsort(data.train.inputs["x"][:, 0])
    assert (np.diff(data.train.targets[order]) >= 0).all()
    matrix = load_arrays({"x": x, "y": np.eye(width)[labels]}, task="multilabel")
    assert matrix.task == "multilabel" and matrix.train.targets.shape == (42, width)


def test_what_scikit_learn_returns():
    data = load_arrays(load_iris())
    assert data.classes == ("setosa", "versicolor", "virginica")
    assert data.columns[0].name == "sepal length (cm)" and data.inputs["numbers"].shape == (4,)
    assert load_arrays(load_digits()).inputs["numbers"].normalized


def test_strings_among_the_numbers_of_test():
    frame = pd.DataFrame({"x": RNG.normal(size=40), "y": ["a", "b"] * 20})
    other = pd.DataFrame({"x": ["1.5", "n/a?", "2"], "y": ["a", "b", "c"]})
    data = load_arrays(frame, test=other)
    assert "1 values that are not numbers ('n/a?')" in " ".join(data.warnings)
    assert "No training rows: class 'c'" in " ".join(data.warnings)
    assert np.isnan(data.raw["x"]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (np.arange(60.0), "tokens", r"lists of ids.*column='x', row=\d+"),
        (["word"] * 60, "tokens", r"lists of ids.*column='x', row=\d+"),
        (
            np.arange(60) / 7,
            "category",
            r"occur more than once in training.*column='x', distinct=42",
        ),
        (["!"] * 60, "text", r"texts with words.*column='x'"),
        (np.arange(60), "image", r"paths of image files.*column='x', row=\d+"),
    ],
)
def test_kinds_that_do_not_fit(values, kind, message):
    with pytest.raises(ValueError, match=message):
        kind_of(values, kinds={"x": kind})


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([{"a": 1}] * 60, r"one value in each row.*column='y', row=1"),
        (pd.date_range("2020", periods=60), r"not dates.*target='y'"),
        ([np.inf] + [0.5, 1.5] * 30, r"finite numbers.*column='y', row=1"),
    ],
)
def test_targets_that_cannot_be(y, message):
    with pytest.raises(ValueError, match=message):
        load(y)
