"""What an `ArrayDataset` promises, and every way of breaking it."""

import numpy as np
import pytest

from keras_hadamard.datasets import ArrayDataset, Column, InputSpec, Split


def make(change=None, name="train", **fields):
    """A sound data set of six examples a split, with one thing changed in one split."""
    inputs = {
        "image": InputSpec("image", (2, 3, 1)),
        "words": InputSpec("tokens", (4,), 9),
        "x": InputSpec("vector", (5,)),
    }
    splits = {}
    for split in ("train", "validation", "test"):
        arrays = {
            "image": np.zeros((6, 2, 3, 1), "float32"),
            "words": np.full((6, 4), 8, "int32"),
            "x": np.zeros((6, 5), "float32"),
        }
        targets = np.array([0, 1, 2, 0, 1, 2], "int32")
        if change and split == name:
            targets = change(arrays, targets)
            targets = np.array([0, 1, 2, 0, 1, 2], "int32") if targets is None else targets
        splits[split] = Split(arrays, targets)
    return ArrayDataset("d", **{"inputs": inputs, "classes": ("a", "b", "c"), **splits, **fields})


def test_sound():
    data = make()
    assert len(data.train) == len(data.test) == 6
    assert data.inputs["words"].vocabulary_size == 9


def put(key, value):
    return lambda arrays, targets: arrays.update({key: value})


def poke(key, value):
    return lambda arrays, targets: arrays[key].__setitem__((0, 0), value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (poke("x", np.nan), r"`x` of validation to be finite.*nan_or_inf_values=1"),
        (poke("image", np.inf), r"`image` of validation to be finite.*nan_or_inf_values=3"),
        (poke("words", 9), r"`words` of validation to lie in \[0, 9\).*largest=9"),
        (poke("words", -1), r"`words` of validation to lie in \[0, 9\).*smallest=-1"),
        (put("words", np.zeros((6, 4))), r"`words` of validation to be integer ids"),
        (put("x", np.zeros((6, 5), int)), r"`x` of validation to have a float dtype.*int64"),
        (put("x", np.zeros((5, 5))), r"`x` of validation to be as long.*length=5, target=6"),
        (put("x", np.zeros((6, 4))), r"examples of shape \(5,\).*shape=\(4,\)"),
        (put("more", np.zeros(6)), r"validation to have the inputs.*more"),
        (lambda arrays, t: t.astype("float32"), r"target of validation to be a vector of int"),
        (lambda arrays, t: t[:, None], r"target of validation.*shape=\(6, 1\)"),
        (lambda arrays, t: t + 1, r"target of validation to lie in \[0, 3\).*largest=3"),
        (lambda arrays, t: t - 1, r"target of validation.*smallest=-1"),
        (lambda arrays, t: t[:0], r"validation to have examples"),
    ],
)
def test_broken_split(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        make(change, "validation")
    assert "Received:" in str(caught.value) and "\n" not in str(caught.value)


def of_task(task, targets, names, **fields):
    split = Split({"x": np.zeros((len(targets), 2), "float32")}, targets)
    spec = {"x": InputSpec("vector", (2,))}
    return ArrayDataset("d", spec, split, split, split, names, task, **fields)


NUMBERS, LABELS = np.arange(4, dtype="float32"), np.eye(4, 2, dtype="int32")


def test_tasks():
    assert make().task == "multiclass"
    assert of_task(None, np.array([0, 1]), ("a", "b")).task == "binary"
    assert of_task("multiclass", np.array([0, 1]), ("a", "b")).task == "multiclass"
    of_task("regression", NUMBERS, ("price",))
    of_task("regression", np.stack([NUMBERS, NUMBERS], 1), ("width", "height"))
    of_task("multilabel", LABELS, ("cat", "dog"))
    of_task("multilabel", LABELS[:, :1], ("cat",))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ranking", NUMBERS, ("a",)), "`task` to be one of"),
        (("binary", np.arange(3), ("a", "b", "c")), "two classes for the task 'binary'"),
        (("regression", NUMBERS.astype(int), ("a",)), "target of train to be floats, 1 of each"),
        (("regression", NUMBERS[:, None], ("a",)), r"floats, 1 of each.*shape=\(4, 1\)"),
        (("regression", NUMBERS, ("a", "b")), "floats, 2 of each"),
        (("regression", NUMBERS * np.nan, ("a",)), "target of train to be finite"),
        (("regression", NUMBERS * 0, ("a",)), "at least two different targets in train"),
        (("regression", NUMBERS, ()), "at least one name"),
        (("multilabel", LABELS * 2, ("a", "b")), r"target of train to lie in \[0, 2\)"),
        (("multilabel", LABELS, ("a", "b", "c")), "3 labels of each example"),
        (("multilabel", LABELS * 0, ("a", "b")), "a label that some rows of train have"),
        (("multilabel", LABELS, ("a", "a")), "different strings of one line"),
    ],
)
def test_broken_tasks(arguments, message):
    with pytest.raises(ValueError, match=message):
        of_task(*arguments)


def test_fields_and_groups():
    ids = np.array([[0, 2], [1, 3], [2, 0], [1, 1]], "int32")
    spec = {"f": InputSpec("fields", (2,), vocabulary_sizes=(3, 4))}
    groups = np.array([0, 0, 1, 1])

    def data(ids, groups):
        split = Split({"f": ids}, np.array([0, 1, 0, 1]), groups)
        return ArrayDataset("d", spec, split, split, split, ("a", "b"))

    assert data(ids, groups).train.groups is groups
    with pytest.raises(ValueError, match=r"column 1 of `f` of train to lie in \[0, 4\).*largest=5"):
        data(ids + [0, 2], groups)
    for wrong in (groups[:3], groups / 2):
        with pytest.raises(ValueError, match="groups of train to be integers, one for each"):
            data(ids, wrong)
    with pytest.raises(ValueError, match="`raw` rows with `preprocessing`"):
        of_task("regression", NUMBERS, ("a",), raw={})
    with pytest.raises(ValueError, match="`role` to be one of"):
        Column("x", "number", "inputs", 1, 0, "")


def test_broken_whole():
    with pytest.raises(ValueError, match="two classes in train"):
        make(lambda arrays, targets: targets * 0)
    make(lambda arrays, targets: targets * 0, "test")  # a small test split may be of one class
    with pytest.raises(ValueError, match=r"at least two classes\. Received: classes=\('a',\)"):
        make(classes=("a",))
    with pytest.raises(ValueError, match="at least one input"):
        make(inputs={})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("audio", (3,)), "`kind` to be one of"),
        (("image", (3, 3)), "rank 3"),
        (("vector", (3, 3)), "rank 1"),
        (("vector", (0,)), "without a 0"),
        (("tokens", (3,)), "vocabulary_size"),
        (("tokens", (3,), 0), "vocabulary_size"),
        (("vector", (3,), 7), "no `vocabulary_size`"),
        (("fields", (3,)), "one of `vocabulary_sizes` for each column"),
        (("fields", (2,), None, None, None, (3,)), "one of `vocabulary_sizes`"),
        (("fields", (1,), None, None, None, (0,)), "`vocabulary_sizes` to be a positive integer"),
        (("vector", (1,), None, None, None, (3,)), "no `vocabulary_sizes`"),
        (("tokens", (1,), 3, None, None, None, True), "`normalized` to be False"),
    ],
)
def test_broken_spec(arguments, message):
    with pytest.raises(ValueError, match=message):
        InputSpec(*arguments)
