"""Calls of the base of an adapted model, in which layers compute with adapted kernels."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adaptable_kernel import ActiveAdapters, AdaptableKernel
from keras_hadamard.adapters._call_tracker import CallTracker, ReadScope
from keras_hadamard.adapters._linear_views import DenseView


class Outcome(NamedTuple):
    """The result of a call of the base, and the positions of the kernels that other layers read."""

    outputs: Tensor
    losses: list[Tensor]
    read: set[int]


class AdaptedCall:
    """Calls a model with the adapters that `active_adapters` gives for each of its kernels.

    Layers with a linear view compute their adapters in addition to the kernel. All others read the
    adapted kernel instead of their own.
    """

    def __init__(
        self,
        model: keras.Model,
        adaptable_kernels: list[AdaptableKernel],
        active_adapters: Callable[[AdaptableKernel], ActiveAdapters],
    ) -> None:
        self.model = model
        self.adaptable_kernels = adaptable_kernels
        self.active_adapters = active_adapters
        # Positions whose layer uses the adapted kernel instead of its own.
        self._materialized = {s.kernel.place for s in adaptable_kernels if s.linear_view is None}
        self._tracker = CallTracker()
        # Positions that a call has shown to be read by their own layers, or to be materialized.
        self._inspected: set[int] = set()
        for adaptable in adaptable_kernels:
            if adaptable.linear_view is not None:
                self._patch_call(adaptable, adaptable.linear_view)

    def __call__(
        self, inputs: Tensor, arguments: dict[str, Any], active: set[int], variables: Iterable[Any]
    ) -> Outcome:
        """The result with adapters at the active positions; `variables` may be read in the call."""
        inspecting = not active <= self._inspected
        outcome = self._run(inputs, arguments, variables, inspecting)
        self._inspected |= active
        # Layers that were not called, because others read their kernels; or that were called and
        # read.
        passed = (active - self._materialized) & (outcome.read | (active - self._tracker.visited))
        if not passed:
            return outcome
        self._materialized |= passed
        return self._run(inputs, arguments, variables, False)

    def _run(
        self, inputs: Tensor, arguments: dict[str, Any], variables: Iterable[Any], inspecting: bool
    ) -> Outcome:
        values = self._adapted_values()
        with self._tracker.track(set(self._materialized)):
            if not values and not inspecting:
                return Outcome(self.model(inputs, **arguments), [], set())
            # A scope hides the values of an outer one, so they are passed on.
            for variable in variables:
                values.setdefault(id(variable), (variable, _read(variable)))
            before = {i: value for i, (_, value) in values.items()}
            places = {
                id(adaptable.kernel.variable): adaptable.kernel.place
                for adaptable in self.adaptable_kernels
            }
            with ReadScope(list(values.values()), places, self._tracker) as scope:
                outputs = self.model(inputs, **arguments)
                read = set(scope.read)
        for i, (variable, _) in values.items():
            after = scope.get_current_value(variable)
            if after is not before[i]:
                variable.assign(after)
        return Outcome(outputs, scope.losses, read)

    def _adapted_values(self) -> dict[int, tuple[Any, Tensor]]:
        """The adapted kernels and biases that replace the variables, by their ids."""
        values: dict[int, tuple[Any, Tensor]] = {}
        for place in self._materialized:
            adaptable = self.adaptable_kernels[place]
            adapters = self.active_adapters(adaptable)
            if not adapters:
                continue
            variables = (adaptable.kernel.variable, adaptable.bias)
            tensors = [None if v is None else _read(v) for v in variables]
            new = adaptable.merge(adapters, *tensors)
            values.update(
                (id(v), (v, t)) for v, t in zip(variables, new, strict=True) if t is not None
            )
        return values

    def _patch_call(self, adaptable: AdaptableKernel, linear_view: DenseView) -> None:
        """Lets the layer compute its adapters, while the model runs."""

        def adapted(original: Any) -> Any:
            @functools.wraps(original)
            def call(inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
                place = adaptable.kernel.place
                adapters = self.active_adapters(adaptable) if self._tracker.visit(place) else []
                with self._tracker.inside(place):
                    if not adapters:
                        return original(inputs, *args, **kwargs)
                    return linear_view.call(
                        lambda x: original(x, *args, **kwargs), adapters, inputs
                    )

            return call

        layer = adaptable.kernel.layer
        layer.call = adapted(layer.call)
        # Keras calls this instead once the layer is quantised.
        layer.quantized_call = adapted(layer.quantized_call)


def _read(variable: Any) -> Tensor:
    value = ops.convert_to_tensor(variable)
    # TensorFlow's tape computes gradients of frozen weights too, which nobody uses.
    is_float = keras.backend.is_float_dtype(variable.dtype)
    return value if variable.trainable or not is_float else ops.stop_gradient(value)
