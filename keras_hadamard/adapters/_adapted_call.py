"""How the base of an adapted model is called, so that its layers compute with adapted kernels."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._forms import DenseForm
from keras_hadamard.adapters._running import Reading, Running
from keras_hadamard.adapters._site import Site, Steps


class Outcome(NamedTuple):
    """What a call of the base gave, and the places of the kernels that others read in it."""

    outputs: Tensor
    losses: list[Tensor]
    read: set[int]


class AdaptedCall:
    """Calls a model with the adapters that `steps` gives for each of its kernels.

    Layers with a form compute their adapters beside the kernel. All others find the adapted kernel
    in place of their own.
    """

    def __init__(
        self, model: keras.Model, sites: list[Site], steps: Callable[[Site], Steps]
    ) -> None:
        self.model = model
        self.sites = sites
        self.steps = steps
        # Places whose layer takes the adapted kernel in place of its own.
        self._formed = {s.kernel.place for s in sites if s.form is None}
        self._running = Running()
        # Places that a call has shown to be read by their own layers, or to be formed.
        self._looked_at: set[int] = set()
        for site in sites:
            if site.form is not None:
                self._put_between(site, site.form)

    def __call__(
        self, inputs: Tensor, arguments: dict[str, Any], active: set[int], variables: Iterable[Any]
    ) -> Outcome:
        """The outcome with adapters at the active places; `variables` may be read in the call."""
        looking = not active <= self._looked_at
        outcome = self._run(inputs, arguments, variables, looking)
        self._looked_at |= active
        # Layers that were not called, because others read their kernels; or called and read.
        passed = (active - self._formed) & (outcome.read | (active - self._running.reached))
        if not passed:
            return outcome
        self._formed |= passed
        return self._run(inputs, arguments, variables, False)

    def _run(
        self, inputs: Tensor, arguments: dict[str, Any], variables: Iterable[Any], looking: bool
    ) -> Outcome:
        values = self._adapted_values()
        with self._running.among(set(self._formed)):
            if not values and not looking:
                return Outcome(self.model(inputs, **arguments), [], set())
            # A scope hides the values that one around it gives, so they are passed on.
            for variable in variables:
                values.setdefault(id(variable), (variable, _read(variable)))
            before = {i: value for i, (_, value) in values.items()}
            places = {id(site.kernel.variable): site.kernel.place for site in self.sites}
            with Reading(list(values.values()), places, self._running) as scope:
                outputs = self.model(inputs, **arguments)
                read = set(scope.read)
        for i, (variable, _) in values.items():
            after = scope.get_current_value(variable)
            if after is not before[i]:
                variable.assign(after)
        return Outcome(outputs, scope.losses, read)

    def _adapted_values(self) -> dict[int, tuple[Any, Tensor]]:
        """The adapted kernels and biases that take the place of the variables, by their ids."""
        values: dict[int, tuple[Any, Tensor]] = {}
        for place in self._formed:
            site = self.sites[place]
            steps = self.steps(site)
            if not steps:
                continue
            variables = (site.kernel.variable, site.bias)
            tensors = [None if v is None else _read(v) for v in variables]
            new = site.merged(steps, *tensors)
            values.update(
                (id(v), (v, t)) for v, t in zip(variables, new, strict=True) if t is not None
            )
        return values

    def _put_between(self, site: Site, form: DenseForm) -> None:
        """Lets the layer compute its adapters, while the model runs."""

        def adapted(original: Any) -> Any:
            @functools.wraps(original)
            def call(inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
                place = site.kernel.place
                steps = self.steps(site) if self._running.includes(place) else []
                with self._running.inside(place):
                    if not steps:
                        return original(inputs, *args, **kwargs)
                    return form.call(lambda x: original(x, *args, **kwargs), steps, inputs)

            return call

        layer = site.kernel.layer
        layer.call = adapted(layer.call)
        # Keras calls this in its place once the layer is quantised.
        layer.quantized_call = adapted(layer.quantized_call)


def _read(variable: Any) -> Tensor:
    value = ops.convert_to_tensor(variable)
    # TensorFlow's tape computes gradients of frozen weights too, for nobody.
    is_float = keras.backend.is_float_dtype(variable.dtype)
    return value if variable.trainable or not is_float else ops.stop_gradient(value)
