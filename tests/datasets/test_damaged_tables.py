"""Files that are no tables: each error names the file, the column, the row or the option."""

import numpy as np
import pandas as pd
import pytest

from keras_hadamard.datasets import load_arrays


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", r"header and rows.*empty\.csv"),
        ("blank.csv", b"\n\n  \n", r"header and rows.*blank\.csv"),
        ("header.csv", b"x,target\n", r"rows in header\.csv, which has a header only"),
        ("twice.csv", b"x,x,target\n1,2,0\n", r"unique column names in twice\.csv.*\['x'\]"),
        ("long.csv", b"x,target\n1,0\n1,2,3,4\n", r"table of text.*long\.csv.*line 3"),
        ("zero.csv", b"x,target\n1\x00,0\n", r"zero\.csv.*zero bytes"),
        ("quote.csv", b'x,target\n"1,0\n2,1\n', r"quote\.csv"),
        ("no.parquet", b"PAR1 nothing", r"a Parquet file.*no\.parquet"),
        ("no.feather", b"ARROW1", r"a Feather file.*no\.feather"),
        ("no.jsonl", b'{"x": 1}\n{"x": \n', r"no\.jsonl', line=2"),
        ("list.jsonl", b"[1, 2]", r"a JSON object in each row.*row=1"),
        ("no.csv.gz", b"\x1f\x8b nothing", r"no\.csv\.gz"),
        ("dict.jsonl", b'{"x": {"a": 1}, "y": 0}\n' * 20, r"column='x', row=\d+, source='dict"),
    ],
)
def test_damaged_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_arrays(tmp_path / name)
    assert "Received:" in str(caught.value) and "\n" not in str(caught.value)


def test_infinities_and_numbers_too_large_name_their_row():
    frame = pd.DataFrame({"x": np.arange(60.0) / 7, "y": [0, 1] * 30})
    for value in (np.inf, 1e300):
        frame.loc[41, "x"] = value
        with pytest.raises(ValueError, match=r"finite numbers.*column='x', row=42"):
            load_arrays(frame)


def test_names_that_are_nearly_right(tmp_path):
    pd.DataFrame({"x": [1]}).to_csv(tmp_path / "wine.csv")
    with pytest.raises(ValueError, match=r"exists \(did you mean 'wine\.csv'\?\)"):
        load_arrays(tmp_path / "vine.csv")
    (tmp_path / "wine.xlsx").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"or a table: \.csv.*wine\.xlsx"):
        load_arrays(tmp_path / "wine.xlsx")


def test_mixed_types_are_strings():
    values = [1, "two", 3.5, None, True, "six"] * 12
    data = load_arrays({"x": pd.Series(values, dtype=object), "y": [0, 1] * 36})
    assert data.columns[0].kind == "category" and data.columns[0].missing == 12
    assert data.preprocessing.input["x"].dtype == "string"
    assert set(data.raw["x"]) <= {"1", "two", "3.5", "", "True", "six"}


def test_duplicate_columns_of_a_data_frame():
    frame = pd.DataFrame(np.ones((5, 3)), columns=["a", "a", "y"])
    with pytest.raises(ValueError, match=r"unique column names in the DataFrame.*\['a'\]"):
        load_arrays(frame)
