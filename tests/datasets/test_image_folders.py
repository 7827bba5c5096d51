"""Images as files: by class in folders, or by path in a table."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from keras_hadamard.datasets import load_arrays


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(image).numpy())


def digits(count=200):
    found = load_digits()
    return (found.images[:count, ..., None] * 15).astype("uint8"), found.target[:count]


def test_digits_by_class(tmp_path, check_preprocessing):
    images, labels = digits()
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        write(tmp_path / "digits" / f"digit {label}" / f"{i}.png", image)
    (tmp_path / "digits" / "digit 0" / ".DS_Store.png").write_bytes(b"")
    data = load_arrays(tmp_path / "digits")
    assert data.name == "digits" and data.classes == tuple(f"digit {i}" for i in range(10))
    assert data.inputs["image"].shape == (8, 8, 1) and data.inputs["image"].pixels == "uint8"
    assert [len(s) for s in (data.train, data.validation, data.test)] == [140, 30, 30]
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    for split in (data.train, data.validation, data.test):
        pixels = np.rint(split.inputs["image"] * 255).astype("uint8")
        assert [known[image.tobytes()] for image in pixels] == split.targets.tolist()
    assert data.raw["image"].dtype == np.uint8
    check_preprocessing(data)


def test_splits_and_sizes(tmp_path):
    rng = np.random.default_rng(0)
    sizes = {"train": (100, 90), "val": (80, 120), "test": (30, 20)}
    for split, size in sizes.items():
        for label in ("cat", "dog"):
            for i in range(6 if split == "train" else 2):
                image = rng.integers(0, 256, (*size, 3), "uint8")
                write(tmp_path / split / label / f"{i}.png", image)
    data = load_arrays(tmp_path)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [12, 4, 4]
    assert data.inputs["image"].shape == (64, 64, 3)
    assert "resized to 64 x 64 x 3" in data.columns[0].encoding


def test_paths_in_a_table(tmp_path):
    images, labels = digits(60)
    rows = []
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        write(tmp_path / "files" / f"{i}.png", image)
        rows.append({"file": f"files/{i}.png", "weight": float(image.sum()), "label": label % 2})
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    data = load_arrays(tmp_path / "table.csv")
    assert {k: s.kind for k, s in data.inputs.items()} == {"file": "image", "numbers": "vector"}
    sums = np.rint(data.test.inputs["file"] * 255).sum((1, 2, 3))
    assert np.corrcoef(sums, data.test.inputs["numbers"][:, 0])[0, 1] == pytest.approx(1)
    (tmp_path / "files" / "7.png").unlink()
    with pytest.raises(ValueError, match=r"7\.png', column='file', row=8, source='table\.csv'"):
        load_arrays(tmp_path / "table.csv")
    (tmp_path / "files" / "7.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"readable image file.*7\.png"):
        load_arrays(tmp_path / "table.csv")


def test_a_folder_without_images(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("")
    with pytest.raises(ValueError, match="with images in a folder for each class"):
        load_arrays(tmp_path)
