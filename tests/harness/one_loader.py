"""One loader program for many models: it takes seconds to start, and a small model none to run."""

import contextlib
import json
import subprocess
import sys
from typing import IO, Any

# The program's own `main`, once for each line, in the state that the first one puts it into.
_PROGRAM = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("loader", sys.argv[1])
loader = sys.modules["loader"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loader)
for line in sys.stdin:
    loader.main(*json.loads(line))
    sys.stdout.flush()
"""


class OneLoader:
    """Stands in for `subprocess` where the loader is started; what it says goes to a file."""

    def __init__(self, said: IO[str]) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._said = said

    def run(
        self, command: list[str], *, env: dict[str, str], **how: Any
    ) -> subprocess.CompletedProcess[str]:
        python, option, program, *arguments = command
        assert (python, option) == (sys.executable, "-P")
        if self._process is None:
            self._process = subprocess.Popen(
                [python, option, "-c", _PROGRAM, program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
                env=env,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(arguments) + "\n")
            self._process.stdin.flush()
        if line := self._process.stdout.readline():
            return subprocess.CompletedProcess(command, 0, line, "")
        # It died of this model; the next one gets another.
        status = self.close()
        self._said.seek(0)
        return subprocess.CompletedProcess(command, status, "", self._said.read())

    def close(self) -> int:
        """Ends the program; returns its exit status."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.communicate()
        return process.returncode
