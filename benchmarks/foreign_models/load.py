"""A process that has made no model loads the files of others and compares what they give.

    python -m benchmarks.foreign_models.load

It reads a folder a line, and says in a line for each what is wrong, or null.
"""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HERE = Path(__file__).resolve().parents[2]


class Loading:
    """The process, which starts with the first folder: to import TensorFlow takes seconds."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def compare(self, folder: Path, x: Any, outputs: dict[str, Any]) -> None:
        """Raises unless each `name.keras` gives the outputs of that name."""
        (folder / "said.pickle").write_bytes(pickle.dumps((x, outputs)))
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.foreign_models.load"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=HERE,
            )
        print(json.dumps(str(folder)), file=self._process.stdin, flush=True)
        line = next(iter(self._process.stdout or ()), "")
        if not line or json.loads(line) is not None:
            raise AssertionError(json.loads(line) if line else "the process that loads ended")

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None


def compared(folder: Path) -> str | None:
    """What is wrong, if anything is."""
    import keras

    from benchmarks.foreign_models.subject import near

    keras.backend.clear_session()
    x, outputs = pickle.loads((folder / "said.pickle").read_bytes())
    for name, wanted in outputs.items():
        try:
            near(keras.models.load_model(folder / f"{name}.keras")(x), wanted, 1e-6)
        except Exception as error:
            return f"the {name} model: {type(error).__name__}: {error}"
    return None


def main() -> None:
    # As somebody who loads files of these models has imported where they come from.
    from benchmarks.foreign_models import rows

    rows.hub()
    said = sys.stdout
    sys.stdout = sys.stderr  # Keras may say something, which is no answer.
    for line in sys.stdin:
        said.write(json.dumps(compared(Path(json.loads(line)))) + "\n")
        said.flush()


if __name__ == "__main__":
    main()
