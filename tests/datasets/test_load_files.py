"""`load_arrays` on .npz files and directories of .npy files."""

import json

import numpy as np
import pytest

from keras_hadamard.datasets import load_arrays


def columns(count=40, seed=0):
    rng = np.random.RandomState(seed)
    return {
        "image": rng.randint(0, 256, (count, 4, 5, 3)).astype("uint8"),
        "gray": rng.rand(count, 4, 5),
        "question": rng.randint(0, 7, (count, 6)),
        "x": rng.rand(count, 2).astype("float32"),
        "target": np.arange(count) % 3,
    }


def save(path, arrays):
    np.savez(path, **arrays)
    return path


def test_unsplit_file(tmp_path):
    arrays = columns()
    arrays["question"][0, 0] = 6
    arrays["image"][:, 0, 0, 0] = np.arange(40)  # tells the rows apart
    data = load_arrays(save(tmp_path / "mine.npz", arrays))
    assert data.name == "mine" and data.classes == ("0", "1", "2")
    assert {key: spec.kind for key, spec in data.inputs.items()} == {
        "gray": "image",
        "image": "image",
        "question": "tokens",
        "x": "vector",
    }
    assert data.inputs["gray"].shape == (4, 5, 1)
    assert data.inputs["question"].vocabulary_size == 7
    splits = [data.train, data.validation, data.test]
    assert [len(split) for split in splits] == [28, 6, 6]
    rows = [np.rint(split.inputs["image"][:, 0, 0, 0] * 255).astype(int) for split in splits]
    assert sorted(np.concatenate(rows)) == list(range(40))
    # Statistics are those of the training split, of vectors by feature and of images by channel.
    train_x, train_gray = arrays["x"][rows[0]], arrays["gray"][rows[0]]
    for split, index in zip(splits, rows, strict=True):
        np.testing.assert_array_equal(split.targets, arrays["target"][index])
        np.testing.assert_allclose(split.inputs["image"], arrays["image"][index] / 255, rtol=1e-6)
        gray = (arrays["gray"][index] - train_gray.mean()) / train_gray.std()
        np.testing.assert_allclose(split.inputs["gray"][..., 0], gray, rtol=1e-5, atol=1e-6)
        x = (arrays["x"][index] - train_x.mean(0)) / train_x.std(0)
        np.testing.assert_allclose(split.inputs["x"], x, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(split.inputs["question"], arrays["question"][index])
    assert data.inputs["x"].normalized and data.inputs["gray"].normalized
    assert not data.inputs["image"].normalized
    for split in splits:
        assert split.inputs["image"].dtype == split.inputs["gray"].dtype == np.float32
        assert split.targets.dtype == split.inputs["question"].dtype == np.int32


def test_seed_draws_the_splits(tmp_path):
    arrays = columns()
    file = save(tmp_path / "a.npz", arrays)
    drawn = [load_arrays(file, seed=seed).test.inputs["image"].tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_split_file_and_held_out_validation(tmp_path):
    arrays = {f"train_{key}": value for key, value in columns(40).items()}
    arrays |= {f"test_{key}": value for key, value in columns(9, seed=1).items()}
    data = load_arrays(save(tmp_path / "a.npz", arrays))
    assert [len(s) for s in (data.train, data.validation, data.test)] == [34, 6, 9]
    np.testing.assert_array_equal(data.test.targets, arrays["test_target"])
    arrays |= {f"val_{key}": value for key, value in columns(7, seed=2).items()}
    data = load_arrays(save(tmp_path / "b.npz", arrays))
    assert [len(s) for s in (data.train, data.validation, data.test)] == [40, 7, 9]


def test_limit_draws_from_every_class(tmp_path):
    arrays = {"x": np.random.rand(600, 2), "target": np.repeat([0, 1, 2], 200)}
    data = load_arrays(save(tmp_path / "sorted.npz", arrays), limit=30)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [30, 30, 30]
    assert set(data.train.targets) == {0, 1, 2}


SPEC = {
    "target": "label",
    "inputs": {"ids": {"kind": "tokens", "vocabulary_size": 50}, "flat": {"kind": "vector"}},
    "classes": ["no", "yes"],
}


@pytest.mark.parametrize("where", ["beside", "within", "directory"])
def test_description(tmp_path, where):
    arrays = {
        "ids": np.arange(120).reshape(30, 4) % 50,
        "flat": np.arange(180).reshape(30, 2, 3),
        "ignored": np.zeros(7),
        "label": np.arange(30) % 2 == 1,
    }
    del arrays["ignored"]
    arrays["other"] = np.arange(30.0)
    if where == "directory":
        source = tmp_path / "folder"
        source.mkdir()
        for key, array in arrays.items():
            np.save(source / f"{key}.npy", array)
        (source / "spec.json").write_text(json.dumps(SPEC))
    elif where == "within":
        source = save(tmp_path / "a.npz", arrays | {"spec": np.array(json.dumps(SPEC))})
    else:
        source = save(tmp_path / "a.npz", arrays)
        (tmp_path / "a.json").write_text(json.dumps(SPEC))
    data = load_arrays(str(source))
    assert list(data.inputs) == ["ids", "flat"] and data.classes == ("no", "yes")
    assert data.inputs["ids"].vocabulary_size == 50 and data.inputs["flat"].shape == (6,)


def changed(**changes):
    arrays = columns() | changes
    return {key: value for key, value in arrays.items() if value is not None}


INFINITE = np.where(np.arange(80).reshape(40, 2) == 7, np.inf, 1.0)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (changed(target=None), r"`target` to name the column.*'image', 'gray'"),
        (changed(target=np.zeros((40, 2), int)), "a label that some rows of train have"),
        (changed(target=np.full((40, 2), np.nan)), "rows with a target.*missing=40"),
        (changed(target=np.ones(40) / 2), "at least two different targets in train"),
        (changed(target=np.zeros(40, int)), r"at least two classes\. Received: classes=\('0',\)"),
        (changed(x=np.zeros((39, 2))), r"equally long.*x=39"),
        (changed(x=INFINITE), r"`x` to be finite.*row=4, feature=1"),
        (changed(gray=np.full((40, 2, 2), np.nan)), r"`gray` to be finite.*row=\d+"),
        (changed(question=np.full((40, 2), -4)), r"`question` of train.*smallest=-4"),
        (changed(question=np.full((40, 2), 2**40)), r"`question` of train to fit 32 bits"),
        (
            changed(x=np.array([["a"]] * 40)),
            r"`x` to have numbers, or to be one column.* dtype='<U1'",
        ),
        (changed(x=np.zeros((40, 2, 3), int)), r"`x` to be images .* dtype='int64'"),
        (changed(x=np.zeros((40, 0))), r"without a 0"),
        (changed(x=np.array(3.0)), r"`x` to have a first dimension"),
        (changed(x=np.array([None] * 40)), r"`x` in the file.*Object arrays cannot be loaded"),
        (changed(spec=np.array("{")), r"description to be JSON"),
        (changed(spec=np.array("[]")), r"`target`, `inputs` and `classes` only"),
        (changed(spec=np.array('{"kinds": 1}')), r"`target`, `inputs` and `classes` only"),
        (changed(spec=np.array('{"inputs": {"y": {}}}')), r"an input array named 'y'"),
        (changed(spec=np.array('{"inputs": {"x": {"kind": "audio"}}}')), r"kind of 'x'"),
        (changed(spec=np.array('{"inputs": {"x": {"size": 1}}}')), r"for input 'x'"),
        (changed(spec=np.array('{"inputs": {"x": {"kind": "image"}}}')), r"rank 3 or 4"),
        (changed(spec=np.array('{"inputs": {"x": {"kind": "tokens"}}}')), r"matrix of integers"),
        (changed(spec=np.array('{"inputs": {}}')), r"at least one input"),
        (changed(spec=np.array('{"classes": "ab"}')), r"`classes` to be a list"),
        (changed(spec=np.array('{"classes": ["a", "b"]}')), r"to lie in \[0, 2\).*largest=2"),
        (
            changed(
                spec=np.array('{"inputs": {"question": {"kind": "tokens", "vocabulary_size": 3}}}')
            ),
            r"`question` of train to lie in \[0, 3\)",
        ),
        ({key: value[:2] for key, value in columns().items()}, "enough examples to hold out"),
        ({key: value[:0] for key, value in columns().items()}, "train to have examples"),
        ({"train_x": np.ones((9, 2)), "y": np.ones(9)}, r"start with one of"),
        (
            {"train_x": np.ones((9, 2)), "train_target": np.arange(9) % 2, "test_x": np.ones(9)},
            r"test to have the arrays of train",
        ),
        (
            {f"train_{k}": v for k, v in columns().items()}
            | {f"test_{k}": v[:0] for k, v in columns().items()},
            "test to have examples",
        ),
        ({}, "`target` to name the column"),
    ],
)
def test_bad_arrays(tmp_path, arrays, message):
    file = save(tmp_path / "bad.npz", arrays)
    with pytest.raises(ValueError, match=message) as caught:
        load_arrays(file)
    assert "Received:" in str(caught.value) and "\n" not in str(caught.value)


def test_bad_files(tmp_path):
    whole = save(tmp_path / "whole.npz", columns()).read_bytes()
    middle = bytearray(whole)
    middle[len(whole) // 2] ^= 0xFF
    np.save(tmp_path / "single.npy", np.ones(3))
    bad = {
        "empty.npz": b"",
        "text.npz": b"hello",
        "cut.npz": whole[: len(whole) // 2],
        "flipped.npz": bytes(middle),
        "single.npz": (tmp_path / "single.npy").read_bytes(),
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"to be .npz arrays of numbers.*{name}") as caught:
            load_arrays(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"exists.*none\.npz"):
        load_arrays(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"a \.npz file or a directory"):
        load_arrays(tmp_path / "single.npy")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"a directory with \.npy files"):
        load_arrays(folder)
    (folder / "x.npy").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"to be a \.npy array of numbers.*x\.npy"):
        load_arrays(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "`seed`"),
        ({"seed": 0.5}, "`seed`"),
        ({"limit": 0}, "`limit` to be a positive integer"),
        ({"limit": True}, "`limit` to be a positive integer"),
        ({"source": ""}, "`source`"),
        ({"source": 3}, "`source`"),
    ],
)
def test_bad_options(tmp_path, options, message):
    options = {"source": save(tmp_path / "a.npz", columns())} | options
    with pytest.raises(ValueError, match=message):
        load_arrays(**options)
