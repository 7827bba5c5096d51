"""What the commands of `keras-hadamard` do; `keras_hadamard_cli` reads their arguments."""

from keras_hadamard_cli.main import main as main
