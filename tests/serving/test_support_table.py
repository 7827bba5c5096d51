"""The support table is of the layers and models that there are, and says what is so."""

import csv
import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from harness import support
from harness.delegated import delegated
from harness.layer_cases import PUBLIC
from harness.support_cases import LAYER, MODEL, support_cases

from keras_hadamard import layers, models, serving

FOLDER = Path(__file__).parents[2] / "benchmarks"
COMMAND = "run benchmarks/support.py"
with (FOLDER / "support.csv").open(newline="", encoding="utf-8") as file:
    ROWS = {row.pop("name"): row for row in csv.DictReader(file)}
CASES = support_cases()
MODELS = {
    name
    for name in models.__all__
    if isinstance(kind := getattr(models, name), type) and issubclass(kind, keras.Model)
}
# Some of them, other ones as layers come: all take minutes.
SAMPLE = sorted(set(ROWS) & set(CASES), key=lambda name: name[::-1])[::16]


def cells(*columns):
    return {(name, column): row[column] for name, row in ROWS.items() for column in columns}


def test_every_layer_and_model_has_a_row():
    assert {name for name, case in CASES.items() if case.kind == LAYER} == set(PUBLIC)
    assert {name for name, case in CASES.items() if case.kind == MODEL} == MODELS
    assert {name: row["kind"] for name, row in ROWS.items()} == {
        name: case.kind for name, case in CASES.items()
    }, COMMAND


def test_every_cell_is_a_tick_or_has_its_reason():
    assert all(tuple(row) == ("kind", *support.COLUMNS) for row in ROWS.values())
    float_ops = rf"{support.YES}, \d+ of \d+ ops in float"
    for place, cell in cells(*support.TICKS).items():
        said = cell == support.YES or re.fullmatch(float_ops, cell)
        assert said or len(cell) > 10, place
    for place, cell in cells("kB", "int8 kB").items():
        unknown = not ROWS[place[0]]["LiteRT int8"].startswith(support.YES)
        assert (unknown and "int8" in place[1]) or int(cell) > 0, place
    for place, cell in cells("time").items():
        assert 0 <= float(cell) < 10, place
    for place, cell in cells("XNNPACK").items():
        assert cell == support.YES or re.match(r"(all )?\d+ (of \d+ )?ops, ", cell), place


def test_all_run_in_every_format():
    """Eight bits with what stays in floats."""
    off = {k: v for k, v in cells(*support.TICKS).items() if not v.startswith(support.YES)}
    assert not off


def test_the_pages_are_of_the_table():
    spec = importlib.util.spec_from_file_location("support_script", FOLDER / "support.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    rows = script.read()
    assert (FOLDER / "support.md").read_text("utf-8") == script.page(rows), COMMAND
    page = (FOLDER / "support.html").read_text("utf-8")
    assert page == script.html(rows), COMMAND
    assert all(f"<th>{name}</th>" in page for name in ROWS)
    # A page by itself, which fits the screen that it is on.
    assert not re.search(r"""(src|href|url\()\s*=?\s*["']?(https?:)?//""", page)
    assert '<meta name="viewport" content="width=device-width' in page


def test_what_xnnpack_leaves_is_counted(tmp_path):
    inputs = keras.Input((6,), name="x")
    path = tmp_path / "m.tflite"

    def of(outputs):
        serving.export_litert(keras.Model(inputs, outputs), path)
        return delegated(path.read_bytes())

    gated = layers.GatedDense(4, activation="sigmoid")(inputs)
    assert of(gated) == support.YES
    # A sign has no kernel there.
    assert re.fullmatch(r"\d+ of \d+ ops, without SIGN", of(keras.ops.sign(gated)))


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_the_rows_is_made_again(name):
    columns = ["LiteRT", "LiteRT int8", "XNNPACK", "kB"]
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("tf2onnx"):
        columns.append("ONNX")
    made = support.row(CASES[name], tuple(columns))
    # Which ops eight bits are too few for differs a little between processors; whether, does not.
    ticks = {column: cell.startswith(support.YES) for column, cell in made.items()}
    assert ticks == {c: ROWS[name][c].startswith(support.YES) for c in columns}, COMMAND
    assert np.isclose(int(made["kB"]), int(ROWS[name]["kB"]), atol=1)
