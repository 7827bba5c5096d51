"""Which ops of a LiteRT file XNNPACK takes over."""

import warnings
from collections import Counter
from typing import Any

import tensorflow as tf

YES = "yes"


def delegated(content: bytes) -> str:
    """`yes` if XNNPACK runs the whole file at once, or what it leaves to LiteRT's own kernels."""
    ops = _ops(content)
    parts = [op for op in ops if op["op_name"] == "DELEGATE"]
    own = {op["index"]: op for op in ops if op["op_name"] != "DELEGATE"}
    makers = {tensor: index for index, op in own.items() for tensor in op["outputs"]}
    taken = {index for part in parts for index in _behind(part, own, makers)}
    left = Counter(op["op_name"] for index, op in own.items() if index not in taken)
    if not left:
        return YES if len(parts) < 2 else f"all {len(own)} ops, in {len(parts)} parts"
    names = ", ".join(name if n == 1 else f"{n} {name}" for name, n in sorted(left.items()))
    return f"{len(taken)} of {len(own)} ops, without {names}"


def _ops(content: bytes) -> list[dict[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    found: list[dict[str, Any]] = interpreter._get_ops_details()
    return found


def _behind(part: dict[str, Any], own: dict[int, Any], makers: dict[int, int]) -> set[int]:
    """The ops between the inputs and outputs of a part, which stand in the list all the same."""
    edge = set(map(int, part["inputs"]))
    found: set[int] = set()
    ahead = [int(tensor) for tensor in part["outputs"]]
    while ahead:
        tensor = ahead.pop()
        index = makers.get(tensor)
        if tensor in edge or index is None or index in found:
            continue
        found.add(index)
        ahead += map(int, own[index]["inputs"])
    return found
