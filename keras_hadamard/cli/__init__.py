"""The command line: `keras-hadamard search | report | export | check | bench | layers`."""

from keras_hadamard.cli.main import main as main
