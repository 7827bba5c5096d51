"""TensorFlow's private doors, all of them, so that a move of one breaks one file."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla as _tf2xla
from tensorflow.python.eager import forwardprop_util as _forwardprop_util
from tensorflow.python.ops import control_flow_util as _control_flow_util

from keras_hadamard._typing import Tensor


def inside_xla() -> bool:
    """Whether the code that runs now is being traced into an XLA computation."""
    if tf.executing_eagerly():
        return False
    return bool(_control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def accumulating() -> bool:
    """Whether a forward accumulator is active in this thread."""
    return bool(_forwardprop_util.pack_tangents([]).indices)


def have_tangents(tensors: tuple[Tensor, ...]) -> bool:
    """Whether an active forward accumulator follows one of the tensors."""
    return bool(_forwardprop_util.pack_tangents(list(tensors)).tangents)


def inside_graph() -> bool:
    """Whether the code that runs now is being traced, into an XLA computation or not."""
    return not tf.executing_eagerly()


def dynamic_update_slice(target: Tensor, update: Tensor, start: list[Any]) -> Tensor:
    """Writes `update` into `target` at `start`; in place where XLA can, and only inside XLA."""
    return _tf2xla.dynamic_update_slice(target, update, start)


def computed_once(x: Tensor) -> Tensor:
    """`x`, which XLA does not write out again for each that uses it; only inside XLA.

    It holds until operations are fused; what is to hold there is `taken_once`.
    """
    return _tf2xla.optimization_barrier(x)[0]


def taken_once(compute: Callable[[], Tensor], shaped: Tensor, number: Tensor) -> Tensor:
    """What `compute` gives, of the shape of `shaped`, and nothing that uses it computes it again.

    Inside a fusion XLA would do so for each that uses it, and in the slow loop of a sum, as of the
    gradient of a bias, at that. What comes out of a loop it leaves, if it does not see that there
    is one turn: that no `number` is above infinity it does not know.
    """
    turns = 1 + tf.cast(number > float("inf"), tf.int32)

    def once(turn: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        return turn + 1, tf.ensure_shape(compute(), shaped.shape)

    result: Tensor = tf.while_loop(lambda turn, _: turn < turns, once, (0, shaped))[1]
    return result


def compiles_for_cpu(x: Tensor) -> bool:
    """Whether XLA, if it compiles what is being traced, most likely does so for a CPU.

    The compiler learns the device after the trace: an explicit placement says it, and otherwise an
    accelerator that TensorFlow sees is the one that is used.
    """
    if "CPU:" in (getattr(x, "device", "") or "").upper():
        return True
    return not any(d.device_type in ("GPU", "TPU") for d in tf.config.list_logical_devices())
