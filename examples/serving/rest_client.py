"""Asks a server a question about three digits, over REST, with Python's own library.

python examples/serving/rest_client.py "What is the left digit?" --digits 3 1 4
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any

from question import ServerError, asked, picture, show


def predict(
    server: str, model: str, signature: str, inputs: dict[str, Any], timeout: float = 10.0
) -> dict[str, Any]:
    """Outputs by name, for inputs by name; all begin with the axis of the batch."""
    url = f"{server.rstrip('/')}/v1/models/{model}:predict"
    body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            outputs = json.load(response)["outputs"]
    except urllib.error.HTTPError as error:
        raise ServerError(f"{url} answers {error.code}: {_said(error)}") from error
    except (OSError, ValueError) as error:
        # Refused, timed out, no such host; or what is there speaks no JSON.
        raise ServerError(f"No answer from {url}: {getattr(error, 'reason', error)}") from error
    except KeyError as error:
        raise ServerError(f"{url} answers without outputs") from error
    # The server sends only the values of a single output.
    return outputs if isinstance(outputs, dict) else {"output": outputs}


def _said(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text.strip() or error.reason


def main() -> int:
    options = asked("by REST", "http://localhost:8501")
    inputs = {
        "image": [picture(options.digits).tolist()],
        "question": [options.question],
    }
    try:
        best = predict(options.server, options.model, "classify", inputs, options.timeout)
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    show(best["labels"][0], best["scores"][0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
