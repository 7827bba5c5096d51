"""`python -m keras_hadamard`, where no script is installed."""

import sys

from keras_hadamard_cli.main import main

if __name__ == "__main__":
    sys.exit(main())
