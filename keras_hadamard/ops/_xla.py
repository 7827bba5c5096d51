"""All private APIs of TensorFlow that the package uses, so that a change of one breaks one file."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla as _tf2xla
from tensorflow.python.eager import forwardprop_util as _forwardprop_util
from tensorflow.python.eager import record as _record
from tensorflow.python.ops import control_flow_util as _control_flow_util

from keras_hadamard._core.typing import Tensor


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


def recording() -> bool:
    """Whether a tape or a forward accumulator is active in this thread."""
    return bool(_record.could_possibly_record())


def recorded(
    outputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...], gradient: Callable[..., Any]
) -> tuple[Tensor, ...]:
    """The outputs, whose gradient active tapes record: `tf.custom_gradient` for eager mode.

    `tf.custom_gradient` reads the signatures of its functions at each call, which takes longer than
    most ops.
    """
    outputs = tuple([tf.raw_ops.Identity(input=t) for t in outputs])
    _record.record_operation("custom_op", outputs, inputs, gradient)
    return outputs


def compiled(
    function: Callable[..., Any], signature: tuple[Any, ...]
) -> Callable[..., tuple[Tensor, ...]]:
    """The function compiled for tensors of these shapes and dtypes, which records nothing.

    It returns a tuple. A new shape needs a compilation anyway; the polymorphic function of
    TensorFlow would warn of retracing, and search its traces at each call.
    """
    jitted = tf.function(function, jit_compile=True, autograph=False)
    concrete = jitted.get_concrete_function(*(tf.TensorSpec(*s) for s in signature))
    call, captured = concrete.inference_fn.call_flat, concrete.captured_inputs
    return lambda *tensors: tuple(call(*tensors, *captured))


def inside_graph() -> bool:
    """Whether the code that runs now is being traced, into an XLA computation or not."""
    return not tf.executing_eagerly()


def dynamic_update_slice(target: Tensor, update: Tensor, start: list[Any]) -> Tensor:
    """Writes `update` into `target` at `start`; in place where XLA can, and only inside XLA."""
    return _tf2xla.dynamic_update_slice(target, update, start)


def optimization_barrier(x: Tensor) -> Tensor:
    """`x`, which XLA does not compute again for each of its users; only inside XLA.

    It holds until operations are fused; `materialize` holds there too.
    """
    return _tf2xla.optimization_barrier(x)[0]


def materialize(compute: Callable[[], Tensor], shaped: Tensor, number: Tensor) -> Tensor:
    """The result of `compute`, with the shape of `shaped`, which none of its users computes again.

    Inside a fusion, XLA computes it again for each user, and in the slow loop of a sum if the user
    is, for example, the gradient of a bias. XLA does not recompute the results of a loop unless it
    knows that the loop has one iteration; it does not know that no `number` is above infinity.
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
