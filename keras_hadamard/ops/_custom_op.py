"""The op mechanism: what turns a formula and its gradient into an op that works everywhere.

An op file holds two functions of tensors, the forward formula and its vector-Jacobian product.
`custom_op` adds the rest: the call on KerasTensors, the XLA compilation of eager calls, inlining
into graphs, the choice of another form inside XLA or for formats without FFT, and gradients of
every order.

How the gradients fit together. The forward computation runs on stopped inputs inside
`tf.custom_gradient`, because TensorFlow cannot differentiate a jitted function that holds a loop:
the loop's stack would have to cross the XLA boundary. The vector-Jacobian product is itself such a
function, whose own gradient is autodiff over its formula, with the output computed anew so that its
dependence on the inputs is not lost. The formula calls public ops, so this repeats to any order.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from keras_hadamard import config
from keras_hadamard._checks import received
from keras_hadamard._export import serializable
from keras_hadamard._typing import Tensor
from keras_hadamard.ops._edge import traced_for_the_edge
from keras_hadamard.ops._xla import inside_xla

Options = tuple[tuple[str, Any], ...]
Forward = Callable[..., Tensor]
# (upstream, output, *tensors, **options) -> one gradient, or None, for each tensor.
Gradient = Callable[..., tuple[Tensor | None, ...]]

_OPS: dict[str, "_Op"] = {}


@dataclass(frozen=True)
class _Op:
    name: str
    forward: Forward
    gradient: Gradient
    xla: Forward | None
    edge: Forward | None
    public: Forward
    tensor_names: tuple[str, ...]
    # Which tensors are integers, and which have no gradient, as those and constants.
    integer: tuple[bool, ...]
    fixed: tuple[bool, ...]

    def integers(self, count: int) -> tuple[bool, ...]:
        """Which of `count` tensors are integers; a last `*name` stands for any number of them."""
        return (*self.integer, *self.integer[-1:] * (count - len(self.integer)))

    def differentiable(self, count: int) -> tuple[bool, ...]:
        """Which of `count` tensors have a gradient."""
        return tuple(not f for f in (*self.fixed, *self.fixed[-1:] * (count - len(self.fixed))))

    def compute(self, *tensors: Tensor, **options: Any) -> Tensor:
        """The forward formula, in the form that suits where it is being traced."""
        form = self.forward
        if self.edge is not None and traced_for_the_edge():
            form = self.edge
        elif self.xla is not None and inside_xla():
            form = self.xla
        return form(*tensors, **options)


def custom_op(
    *,
    gradient: Gradient,
    xla: Forward | None = None,
    edge: Forward | None = None,
    integers: tuple[str, ...] = (),
    constants: tuple[str, ...] = (),
) -> Callable[[Forward], Forward]:
    """Makes an op of a forward formula `f(*tensors, *, **options)`.

    Args:
        gradient: Function `(upstream, output, *tensors, **options)` that returns a gradient for
            each tensor, `None` for a tensor that is None, of integers or constant. Written with
            differentiable ops.
        xla: Another form of the same formula, taken when traced inside XLA. Defaults to `None`,
            one form for both.
        edge: Another form, without FFT and complex numbers, taken when traced within
            `for_the_edge`. Defaults to `None`, the formula has neither.
        integers: Names of the tensors that hold integers; all others are of one floating dtype.
            Defaults to `()`.
        constants: Names of the floating tensors that are taken as constants: they have no
            gradient, as if it were stopped. Defaults to `()`.
    """

    def decorate(forward: Forward) -> Forward:
        signature = inspect.signature(forward)

        @functools.wraps(forward)
        def public(*args: Any, **kwargs: Any) -> Tensor:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return _dispatch(op, bound.args, tuple(sorted(bound.kwargs.items())))

        names = tuple(n for n, p in signature.parameters.items() if p.kind is not p.KEYWORD_ONLY)
        name, integer = forward.__name__.lstrip("_"), tuple(n in integers for n in names)
        fixed = tuple(n in (*integers, *constants) for n in names)
        op = _Op(name, forward, gradient, xla, edge, public, names, integer, fixed)
        _OPS[op.name] = op
        return public

    return decorate


@serializable
class OpNode(keras.Operation):
    """An op as a node of a functional model: what remains of it in the saved configuration."""

    def __init__(self, op: str, options: dict[str, Any], name: str | None = None) -> None:
        super().__init__(name=name or f"{op}_{keras.backend.get_uid(op)}")
        self.op = op
        self.options = options

    def call(self, *tensors: Tensor) -> Tensor:
        return _OPS[self.op].public(*tensors, **self.options)

    def get_config(self) -> dict[str, Any]:
        options = {k: keras.saving.serialize_keras_object(v) for k, v in self.options.items()}
        return {"op": self.op, "options": options, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "OpNode":
        config = dict(config)
        options = config.pop("options")
        options = {k: keras.saving.deserialize_keras_object(v) for k, v in options.items()}
        return cls(options=options, **config)


def _dispatch(op: _Op, tensors: tuple[Tensor, ...], options: Options) -> Tensor:
    if any(isinstance(t, keras.KerasTensor) for t in tensors):
        return OpNode(op.name, dict(options))(*tensors)
    # To TensorFlow's own tensors: Keras leaves its variables as they are.
    tensors = tuple(
        None if t is None else tf.convert_to_tensor(keras.ops.convert_to_tensor(t)) for t in tensors
    )
    _check_dtypes(op, tensors)
    given = tuple(t is not None for t in tensors)
    return _differentiable(op, given, options, tuple(t for t in tensors if t is not None))


def _check_dtypes(op: _Op, tensors: tuple[Tensor, ...]) -> None:
    # A last `*name` stands for any number of tensors.
    more = len(tensors) - len(op.tensor_names)
    names = (*op.tensor_names, *op.tensor_names[-1:] * more)
    integer = op.integers(len(tensors))
    floats, integers = (
        {t.dtype for t, i in zip(tensors, integer, strict=True) if t is not None and i is kind}
        for kind in (False, True)
    )
    fit = all(dtype.is_floating for dtype in floats) and all(d.is_integer for d in integers)
    if len(floats) > 1 or not fit:
        pairs = zip(names, tensors, strict=True)
        got = {name: t.dtype.name for name, t in pairs if t is not None}
        named = [n for n, is_integer in zip(op.tensor_names, op.integer, strict=True) if is_integer]
        but = f", and {', '.join(f'`{n}`' for n in named)} to be of integers" if named else ""
        raise received(f"the tensors of `{op.name}` to have one floating dtype{but}", **got)


def _differentiable(
    op: _Op, given: tuple[bool, ...], options: Options, tensors: tuple[Tensor, ...]
) -> Tensor:
    @tf.custom_gradient
    def run(*tensors: Tensor) -> Any:
        output = _run(_forward_of(op, given, options), tensors)

        def pullback(upstream: Tensor) -> Any:
            return _pullback(op, given, options, tensors, output, upstream)

        return output, pullback

    return run(*tensors)


def _pullback(
    op: _Op,
    given: tuple[bool, ...],
    options: Options,
    tensors: tuple[Tensor, ...],
    output: Tensor,
    upstream: Tensor,
) -> Any:
    """The vector-Jacobian product, differentiable in `tensors` and `upstream`."""
    formula = _gradient_of(op, given, options)
    floating = tuple(d for d, g in zip(op.differentiable(len(given)), given, strict=True) if g)

    @tf.custom_gradient
    def run(upstream: Tensor, *tensors: Tensor) -> Any:
        grads = _run(formula, (upstream, output, *tensors))

        def second(*cotangents: Tensor) -> Any:
            sources = [upstream, *(t for t, f in zip(tensors, floating, strict=True) if f)]
            with tf.GradientTape() as tape:
                tape.watch(sources)
                again = _differentiable(op, given, options, tensors)
                grads = formula(upstream, again, *tensors)
            zero = tf.UnconnectedGradients.ZERO
            found = tape.gradient(grads, sources, cotangents, unconnected_gradients=zero)
            return _spread(found, (True, *floating))

        return grads, second

    return _spread(tuple(run(upstream, *tensors)), floating)


@functools.lru_cache(maxsize=1024)
def _forward_of(op: _Op, given: tuple[bool, ...], options: Options) -> Forward:
    def forward(*tensors: Tensor) -> Tensor:
        return op.compute(*_spread(tensors, given), **dict(options))

    return forward


@functools.lru_cache(maxsize=1024)
def _gradient_of(op: _Op, given: tuple[bool, ...], options: Options) -> Forward:
    def gradient(upstream: Tensor, output: Tensor, *tensors: Tensor) -> Any:
        grads = op.gradient(upstream, output, *_spread(tensors, given), **dict(options))
        wanted = (g and d for g, d in zip(given, op.differentiable(len(given)), strict=True))
        return tuple(g for g, is_wanted in zip(grads, wanted, strict=True) if is_wanted)

    return gradient


def _spread(tensors: tuple[Tensor, ...], given: tuple[bool, ...]) -> list[Tensor | None]:
    """Puts the Nones back between the tensors, which alone can cross `tf.custom_gradient`."""
    rest = iter(tensors)
    return [next(rest) if is_given else None for is_given in given]


def _run(function: Forward, tensors: tuple[Tensor, ...]) -> Any:
    tensors = tuple(tf.stop_gradient(t) for t in tensors)
    # What is compiled is kept, and is of the usual form.
    if not tf.executing_eagerly() or not config.eager_compile() or traced_for_the_edge():
        return function(*tensors)
    return _compiled(function, tuple((t.shape, t.dtype) for t in tensors))(*tensors)


@functools.lru_cache(maxsize=1024)
def _compiled(function: Forward, signature: tuple[Any, ...]) -> Forward:
    jitted = tf.function(function, jit_compile=True, autograph=False)
    # The concrete function of one signature: a new shape is a compilation anyway, and going
    # through the polymorphic one TensorFlow would warn of retracing.
    concrete: Forward = jitted.get_concrete_function(*(tf.TensorSpec(*s) for s in signature))
    return concrete
