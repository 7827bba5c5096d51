"""`load_arrays` on tables in the formats that people have, of scikit-learn's data sets."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from keras_hadamard.datasets import load_arrays


def frame_of(load):
    frame = load(as_frame=True).frame
    return frame.rename(columns={"target": "Class"})


WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "parquet": lambda frame, path: frame.to_parquet(path),
    "feather": lambda frame, path: frame.to_feather(path),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "ndjson": lambda frame, path: frame.to_json(path, orient="records", lines=True),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_one_table_in_every_format(tmp_path, suffix):
    frame = frame_of(load_wine)
    WRITERS[suffix](frame, tmp_path / f"wine.{suffix}")
    data = load_arrays(tmp_path / f"wine.{suffix}")
    expected = load_arrays(frame)
    assert data.name == "wine" and data.task == "multiclass" and data.classes == ("0", "1", "2")
    assert [len(s) for s in (data.train, data.validation, data.test)] == [124, 27, 27]
    assert data.inputs == expected.inputs and data.columns == expected.columns
    for split in ("train", "validation", "test"):
        mine, theirs = getattr(data, split), getattr(expected, split)
        np.testing.assert_array_equal(mine.targets, theirs.targets)
        np.testing.assert_allclose(mine.inputs["numbers"], theirs.inputs["numbers"], atol=1e-4)


def test_numbers_are_standardised_by_training_alone():
    data = load_arrays(frame_of(load_breast_cancer))
    spec = data.inputs["numbers"]
    assert data.task == "binary" and spec.shape == (30,) and spec.normalized
    train = data.train.inputs["numbers"]
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(0), 1, atol=1e-5)
    assert np.abs(data.test.inputs["numbers"].mean(0)).max() > 1e-3
    assert all(c.encoding.startswith("standardised") for c in data.columns if c.role == "input")
    # Classes keep their shares.
    shares = [s.targets.mean() for s in (data.train, data.validation, data.test)]
    assert np.ptp(shares) < 0.01


def test_a_regression():
    frame = load_diabetes(as_frame=True).frame
    data = load_arrays(frame)
    assert data.task == "regression" and data.classes == ("target",)
    assert data.train.targets.dtype == np.float32 and data.train.targets.ndim == 1
    everything = np.concatenate([s.targets for s in (data.train, data.validation, data.test)])
    np.testing.assert_array_equal(np.sort(everything), np.sort(frame.target.astype("float32")))


def rows(count=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "größe": rng.normal(size=count).round(3),
            "stadt": rng.choice(["Köln", "Rom; Ost", 'Ulm "neu"'], count),
            "label": rng.choice(["ja", "nö"], count),
        }
    )


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_encodings(tmp_path, separator, encoding):
    rows().to_csv(tmp_path / "a.csv", index=False, sep=separator, encoding=encoding)
    data = load_arrays(tmp_path / "a.csv")
    assert [c.name for c in data.columns] == ["größe", "stadt", "label"]
    assert data.classes == ("ja", "nö") and data.warnings == ()
    assert data.inputs["categories"].vocabulary_sizes == (5,)
    assert [c.key for c in data.columns] == ["grosse", "stadt", ""]


def test_a_windows_file_and_decimal_commas(tmp_path):
    frame = rows()
    text = frame.to_csv(index=False, sep=";", decimal=",")
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    data = load_arrays(tmp_path / "a.csv")
    assert data.classes == ("ja", "nö")
    assert any("Windows-1252" in warning for warning in data.warnings)
    expected = load_arrays(frame)
    np.testing.assert_allclose(
        data.train.inputs["numbers"], expected.train.inputs["numbers"], rtol=1e-6
    )


def test_compressed_json_and_names_of_rows(tmp_path):
    lines = rows().to_json(orient="records", lines=True, force_ascii=False)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    assert load_arrays(tmp_path / "a.jsonl.gz").classes == ("ja", "nö")
    (tmp_path / "a.json").write_text(json.dumps(json.loads(rows().to_json(orient="records"))))
    assert load_arrays(tmp_path / "a.json").classes == ("ja", "nö")
    # As R writes it: the header lacks the name of the first column.
    text = rows().rename(index="row {}".format).to_csv().removeprefix(",")
    (tmp_path / "r.csv").write_text(text)
    data = load_arrays(tmp_path / "r.csv")
    assert [c.name for c in data.columns] == ["größe", "stadt", "label"]
    assert "taken as row names" in data.warnings[0]


def test_a_dictionary_and_a_data_frame_agree():
    frame = rows()
    one, two = load_arrays(frame), load_arrays({name: frame[name].to_numpy() for name in frame})
    assert one.columns == two.columns
    for name, array in one.test.inputs.items():
        np.testing.assert_array_equal(array, two.test.inputs[name])


def test_a_test_file_and_shares(tmp_path):
    rows(100).to_csv(tmp_path / "train.csv", index=False)
    rows(40).to_csv(tmp_path / "test.csv", index=False)
    data = load_arrays(tmp_path / "train.csv", test=tmp_path / "test.csv", shares=(0.2, 0.3))
    assert [len(s) for s in (data.train, data.validation, data.test)] == [80, 20, 40]
    data = load_arrays(tmp_path / "train.csv", shares=(0.2, 0.3))
    assert [len(s) for s in (data.train, data.validation, data.test)] == [50, 20, 30]
    rows(40).drop(columns="stadt").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(ValueError, match=r"columns of train in less\.csv.*missing='stadt'"):
        load_arrays(tmp_path / "train.csv", test=tmp_path / "less.csv")


def test_lists_of_numbers_are_arrays(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "embedding": list(rng.normal(size=(50, 4))),
            "tokens": [list(range(1, 2 + i % 5)) for i in range(50)],
            "y": ["a", "b"] * 25,
        }
    )
    frame.to_parquet(tmp_path / "a.parquet")
    data = load_arrays(tmp_path / "a.parquet")
    assert {k: (s.kind, s.shape) for k, s in data.inputs.items()} == {
        "embedding": ("vector", (4,)),
        "tokens": ("tokens", (5,)),
    }
    assert data.inputs["tokens"].vocabulary_size == 6 and data.train.inputs["tokens"].min() == 0


@pytest.mark.slow
def test_two_thousand_columns(check_preprocessing):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2_000))).add_prefix("feature ")
    data = load_arrays(frame.assign(target=np.arange(200) % 2))
    assert data.inputs["numbers"].shape == (2_000,)
    assert "fewer rows (140) than features (2,000)" in data.warnings[0]
    check_preprocessing(data)
