"""Seconds of what the benchmark does for an hour: all requests, and a version that is replaced."""

import shutil

import numpy as np
import pytest

from benchmarks.serving_load.__main__ import Serving, wrong
from benchmarks.serving_load.program import built, lines
from benchmarks.serving_load.requests import INVALID, VALID, network
from keras_hadamard import serving

COMPILER = shutil.which("g++") or shutil.which("clang++")


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
def test_requests_of_all_kinds_and_a_newer_version(tmp_path):
    model, program = network(), built(tmp_path)
    serving.export(model, tmp_path / "model")
    loader = Serving(program, tmp_path / "model", seconds=8.0, threads=2)
    serving.export(model, tmp_path / "model")
    found = loader.ended()
    assert wrong(found, versions=2) == [] and found["versions"] == 2
    assert min(found["valid"], found["refused"]) > 20 * max(len(VALID), len(INVALID))


def test_what_is_wrong_is_said():
    good = {"failed": 0, "different": 0, "answered": 0, "broken": 0, "versions": 1}
    good |= {"before": 100, "after": 102}
    assert wrong(good) == []
    assert wrong({**good, "after": 103, "different": 1}) == ["different", "memory"]
    assert wrong({**good, "after": 103, "versions": 3}, versions=4) == ["versions"]


def test_requests_as_text():
    one = {"x": np.array([[1.5, np.nan]], "float32"), "s": np.array(["é", ""])}
    said = "invalid\nx float 2 1 2 1.5 nan\ns string 1 2 xc3a9 x\n\n"
    assert lines([], [one]) == said
