"""The op mechanism, which turns a formula and its gradient into an op that works everywhere.

An op file holds two functions of tensors, the forward formula and its vector-Jacobian product.
`custom_op` adds the rest: the call on KerasTensors, the XLA compilation of eager calls, inlining
into graphs, the choice of another lowering inside XLA or for formats without FFT, gradients of
every order, and forward-mode derivatives.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._derivatives import Formulas, differentiable, spread
from keras_hadamard.ops._portable import tracing_portable
from keras_hadamard.ops._xla import inside_xla

Options = tuple[tuple[str, Any], ...]
Forward = Callable[..., Tensor]
# (upstream, output, *tensors, **options) -> one gradient, or None, for each tensor.
Gradient = Callable[..., tuple[Tensor | None, ...]]

_OPS: dict[str, "_Op"] = {}


@dataclass(frozen=True, eq=False)
class _Op:
    name: str
    forward: Forward
    gradient: Gradient
    xla: Forward | None
    portable: Forward | None
    public: Forward
    tensor_names: tuple[str, ...]
    # Which tensors are integers, and which have no gradient.
    integer: tuple[bool, ...]
    nondifferentiable: tuple[bool, ...]

    def integers(self, count: int) -> tuple[bool, ...]:
        """Which of `count` tensors are integers; a last `*name` matches any number of them."""
        return (*self.integer, *self.integer[-1:] * (count - len(self.integer)))

    def differentiable(self, count: int) -> tuple[bool, ...]:
        """Which of `count` tensors have a gradient."""
        flags = self.nondifferentiable
        return tuple(not f for f in (*flags, *flags[-1:] * (count - len(flags))))

    def compute(self, *tensors: Tensor, **options: Any) -> Tensor:
        """The forward formula, in the lowering that suits where it is being traced."""
        lowering = self.forward
        if self.portable is not None and tracing_portable():
            lowering = self.portable
        elif self.xla is not None and inside_xla():
            lowering = self.xla
        return lowering(*tensors, **options)


def custom_op(
    *,
    gradient: Gradient,
    xla: Forward | None = None,
    portable: Forward | None = None,
    integer_args: tuple[str, ...] = (),
    nondifferentiable_args: tuple[str, ...] = (),
) -> Callable[[Forward], Forward]:
    """Makes an op of a forward formula `f(*tensors, *, **options)`.

    Args:
        gradient: Function `(upstream, output, *tensors, **options)` that returns a gradient for
            each tensor, `None` for a tensor that is None, integer or nondifferentiable. Written
            with differentiable ops.
        xla: Another lowering of the same formula, taken when traced inside XLA. Defaults to `None`,
            one lowering for both.
        portable: Another lowering, without FFT and complex numbers, taken when traced within
            `portable_ops`. Defaults to `None`: the formula uses neither.
        integer_args: Names of the tensors that hold integers; all others are of one floating dtype.
            Defaults to `()`.
        nondifferentiable_args: Names of the floating tensors that have no gradient, as if it were
            stopped. Defaults to `()`.
    """

    def decorate(forward: Forward) -> Forward:
        signature = inspect.signature(forward)

        @functools.wraps(forward)
        def public(*args: Any, **kwargs: Any) -> Tensor:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return _dispatch(op, bound.args, tuple(sorted(bound.kwargs.items())))

        names = tuple(n for n, p in signature.parameters.items() if p.kind is not p.KEYWORD_ONLY)
        name, integer = forward.__name__.lstrip("_"), tuple(n in integer_args for n in names)
        nondifferentiable = tuple(n in (*integer_args, *nondifferentiable_args) for n in names)
        op = _Op(name, forward, gradient, xla, portable, public, names, integer, nondifferentiable)
        _OPS[op.name] = op
        return public

    return decorate


@serializable
class OpNode(keras.Operation):
    """An op as a node of a functional model, as the saved configuration has it."""

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
    tensors = tuple([t if t is None or isinstance(t, tf.Tensor) else _tensor(t) for t in tensors])
    _check_dtypes(op, tuple([None if t is None else t.dtype for t in tensors]))
    given = tuple([t is not None for t in tensors])
    formulas = _formulas(op, given, options)
    return differentiable(formulas, tuple([t for t in tensors if t is not None]))


def _tensor(value: Any) -> Tensor:
    """TensorFlow's own: Keras leaves its variables as they are."""
    return tf.convert_to_tensor(keras.ops.convert_to_tensor(value))


@functools.lru_cache(maxsize=1024)
def _check_dtypes(op: _Op, dtypes: tuple[tf.DType | None, ...]) -> None:
    # A last `*name` matches any number of tensors.
    more = len(dtypes) - len(op.tensor_names)
    names = (*op.tensor_names, *op.tensor_names[-1:] * more)
    integer = op.integers(len(dtypes))
    floats, integers = (
        {d for d, i in zip(dtypes, integer, strict=True) if d is not None and i is kind}
        for kind in (False, True)
    )
    fit = all(dtype.is_floating for dtype in floats) and all(d.is_integer for d in integers)
    if len(floats) > 1 or not fit:
        got = {name: d.name for name, d in zip(names, dtypes, strict=True) if d is not None}
        named = [n for n, is_integer in zip(op.tensor_names, op.integer, strict=True) if is_integer]
        but = f", and {', '.join(f'`{n}`' for n in named)} to be of integers" if named else ""
        raise received(f"the tensors of `{op.name}` to have one floating dtype{but}", **got)


@functools.lru_cache(maxsize=1024)
def _formulas(op: _Op, given: tuple[bool, ...], options: Options) -> Formulas:
    """The formulas of one call, as functions of the given tensors in their order."""
    differentiable = op.differentiable(len(given))

    def forward(*tensors: Tensor) -> Tensor:
        return op.compute(*spread(tensors, given), **dict(options))

    def gradient(upstream: Tensor, output: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        grads = op.gradient(upstream, output, *spread(tensors, given), **dict(options))
        wanted = zip(grads, given, differentiable, strict=True)
        return tuple(grad for grad, is_given, has_one in wanted if is_given and has_one)

    of_given = (d for d, g in zip(differentiable, given, strict=True) if g)
    return Formulas(forward, gradient, tuple(of_given))
