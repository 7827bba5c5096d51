"""A fast check whether anything can be downloaded."""

import os
import socket
import threading
from urllib.parse import urlsplit

from keras_hadamard._core.checks import received

# The host of the metadata of most TFDS data sets.
_HOST = ("storage.googleapis.com", 443)
_SECONDS = 3.0


def check_reachable(name: str) -> None:
    """Refuses a download that cannot begin; TFDS itself would retry for minutes."""
    host, port = _way_out()
    reached: list[bool] = []

    def connect() -> None:
        try:
            with socket.create_connection((host, port), timeout=_SECONDS):
                reached.append(True)
        except OSError:
            pass

    # A name lookup may take longer than any timeout of a connection.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    if not reached:
        raise received(
            "a data set that is prepared already, as there is no network for a download",
            name=name,
            unreachable=f"{host}:{port}",
        )


def _way_out() -> tuple[str, int]:
    """The proxy if one is set, otherwise the host itself."""
    for key in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        parts = urlsplit(os.environ.get(key, ""))
        if parts.hostname:
            return parts.hostname, parts.port or 80
    return _HOST
