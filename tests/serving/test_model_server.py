"""`serving.check` where `tensorflow_model_server` is on the PATH, by a program that stands in."""

import os
import stat
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_hadamard import serving
from keras_hadamard.serving import _model_server

pytest.importorskip("tensorflow_serving")
pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).with_name("stand_in_server.py")


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "tensorflow_model_server"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PROGRAM}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN_PID", str(tmp_path / "pid"))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    return tmp_path / "pid"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    text = keras.Input((), dtype="string", name="text")
    words = keras.layers.TextVectorization(output_sequence_length=3, vocabulary=["a", "é", "模"])
    before = keras.Model(text, {"tokens": keras.ops.cast(words(text), "int32")})
    tokens = keras.Input((3,), dtype="int32", name="tokens")
    x = keras.layers.Flatten()(keras.layers.Embedding(6, 4)(tokens))
    model = keras.Model(tokens, keras.layers.Dense(2, "softmax", name="y")(x))
    base = tmp_path_factory.mktemp("modèle") / "模型"
    options = serving.ExportOptions(preprocessing=before, labels=["да", "नहीं"])
    texts = {"text": np.array(["a é", "模", "🙂"], object)}
    serving.export(model, base, examples=texts, options=options)
    return serving.export(model, base, examples=texts, options=options)


def ended(pid):
    try:
        os.kill(int(pid.read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def items(report):
    return {item.name: item for item in report.items}


def test_the_server_is_asked_and_ended(one_loader, stand_in, exported):
    report = serving.check(exported)
    found = items(report)
    assert report.ok, str(report)
    assert found["server"].detail == "tensorflow_model_server serves version 2"
    for name in ("REST", "gRPC"):
        assert found[name].passed and found[name].detail.startswith("6 requests; ")
    asked = stand_in.with_suffix(".asked").read_text().split()
    assert asked == [*["serving_default"] * 3, *["classify"] * 3] * 2
    assert ended(stand_in)


def test_other_answers_are_found(one_loader, stand_in, exported, monkeypatch):
    monkeypatch.setenv("STAND_IN", "lies")
    found = items(serving.check(exported))
    for name in ("REST", "gRPC"):
        assert found[name].passed is False and "largest difference" in found[name].detail
    assert found["outputs"].passed and ended(stand_in)


def test_a_server_that_refuses(one_loader, stand_in, exported, monkeypatch):
    monkeypatch.setenv("STAND_IN", "refuses")
    report = serving.check(exported)
    assert items(report)["server"].detail == (
        "tensorflow_model_server: ended with 1: "
        "Failed to start server. Error: INVALID_ARGUMENT: no such thing: é模"
    )
    assert not report.ok and "REST" not in items(report) and ended(stand_in)


def test_a_server_that_never_gets_ready(one_loader, stand_in, exported, monkeypatch):
    monkeypatch.setenv("STAND_IN", "hangs")
    monkeypatch.setattr(_model_server, "_READY", 3.0)
    report = serving.check(exported)
    said = items(report)["server"].detail
    assert "does not serve within 3 seconds: no answer" in said and not report.ok
    assert ended(stand_in)


def test_a_server_that_does_not_want_to_end(one_loader, stand_in, exported, monkeypatch):
    monkeypatch.setenv("STAND_IN", "ignores")
    monkeypatch.setattr(_model_server, "_END", 0.5)
    assert serving.check(exported).ok
    assert ended(stand_in)


def test_the_server_is_ended_after_an_interruption(stand_in, exported):
    with (
        pytest.raises(KeyboardInterrupt),
        _model_server.running(exported.parent, 2, False) as server,
    ):
        assert server.get("")["model_version_status"][0]["state"] == "AVAILABLE"
        raise KeyboardInterrupt
    assert ended(stand_in)


def test_what_does_not_load_is_not_asked(one_loader, stand_in, exported, tmp_path):
    import shutil

    broken = shutil.copytree(exported, tmp_path / "m" / "1")
    shutil.rmtree(broken / "variables")
    found = items(serving.check(broken))
    assert found["server"].passed is None and not stand_in.exists()
