"""Worker processes of this machine, each followed by another one until the search ends."""

import _thread
import contextlib
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from keras_hadamard.tuning.run_folder import STATE
from keras_hadamard.tuning.settings import SearchSettings

CODE = "from keras_hadamard.tuning.worker_process import child; child()"
# A process keeps what TensorFlow compiled; with a new one its memory is given back.
TRIALS_OF_A_PROCESS = 10
RENEWED, LOST_IN_A_ROW = 3, 5
# Seconds between looks at the workers, and of waiting for them at the end.
WATCH, CLOSING = 0.2, 6.0


class LocalWorkers:
    """Processes of this machine, each followed by another one until the search ends."""

    def __init__(
        self, count: int, address: str, settings: SearchSettings, data: Any, oracle: Any
    ) -> None:
        self.count = count
        self.oracle = oracle
        self.errors = settings.folder / STATE / "workers.log"
        self.order = pickle.dumps((address, settings, data))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.started = 0
        self.ended = threading.Event()
        # Why there is no use in starting more of them.
        self.reason: str | None = None
        # Whether all trials have ended and nobody asked for another one.
        self.complete = False
        self.deaf = False

    def __enter__(self) -> None:
        # What a script starts in the background ignores interrupts, and with them the word of ours
        # that the search is over.
        main = threading.current_thread() is threading.main_thread()
        self.deaf = main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        if self.deaf:
            signal.signal(signal.SIGINT, self._interrupted)
        for _ in range(self.count):
            self._start()
        self.watch = threading.Thread(target=self._watch, daemon=True)
        self.watch.start()

    def __exit__(self, *error: Any) -> None:
        self.ended.set()
        self.watch.join()
        for process in self.processes.values():
            process.kill()
            process.communicate()
        if self.deaf:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _interrupted(self, *_: Any) -> None:
        if self.complete or self.reason is not None:
            raise KeyboardInterrupt

    def _start(self) -> None:
        self.started += 1
        name = f"worker {self.started}"
        with open(self.errors, "ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", CODE, name],
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                # Ctrl-C is for the chief, with which they end.
                start_new_session=True,
            )
        self.processes[name] = process
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(len(self.order).to_bytes(8, "big") + self.order)
                process.stdin.flush()

    def _watch(self) -> None:
        lost, trials, idle = 0, len(self.oracle.records.trials), 0
        while not self.ended.wait(WATCH):
            # KerasTuner's service ends with a worker that asks in vain, and there may be none left.
            idle = idle + 1 if len(self.oracle.records.trials) >= self.oracle.max_trials else 0
            if idle * WATCH > CLOSING:
                self.complete = True
                _thread.interrupt_main()
                return
            for name, process in list(self.processes.items()):
                code = process.poll()
                if code is None:
                    continue
                del self.processes[name]
                process.communicate()
                if code == 0:
                    continue
                self.oracle.forget(name)
                now = len(self.oracle.records.trials)
                lost, trials = (0 if code == RENEWED or now > trials else lost + 1), now
                if lost >= LOST_IN_A_ROW * self.count:
                    self.reason = _last_line(self.errors) or f"exit code {code}"
                    _thread.interrupt_main()
                    return
                self._start()


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").split("\n") if path.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
