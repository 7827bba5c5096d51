"""The commands of `keras-hadamard`; `keras_hadamard_cli` reads their arguments."""

from keras_hadamard_cli.main import main as main
