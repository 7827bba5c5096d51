"""Whether TensorFlow computes with oneDNN: what is found, and what a search makes of it."""

import os
import subprocess
import sys

import pytest

from keras_hadamard.ops import _onednn as onednn

PROGRAM = """
import keras_hadamard_cli.main as whole, sys

def say(parsed):
    from keras_hadamard.ops import _onednn as onednn
    print(onednn.onednn_is_on())

whole._command = lambda where: say
whole.main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("switch", "expected"), [({}, "True"), ({onednn.SWITCH: "0"}, "False")], ids=["unset", "off"]
)
def test_a_search_switches_it_on_unless_it_was_switched_off(switch, expected):
    environment = {n: v for n, v in os.environ.items() if n != onednn.SWITCH} | switch
    line = [sys.executable, "-c", PROGRAM, "search", "digits_vqa"]
    done = subprocess.run(line, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == [expected], done.stderr


@pytest.mark.parametrize("on", [True, False])
def test_a_search_says_that_it_is_off(go, formula, monkeypatch, on):
    whole = sys.modules["keras_hadamard.search.search"]
    monkeypatch.setattr(whole, "onednn_is_on", lambda: on)
    _, said = go()
    assert (f"oneDNN is off on this processor; {onednn.SWITCH}=1" in said) is not on
