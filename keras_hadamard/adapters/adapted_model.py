"""A model whose kernels are adapted."""

import functools
import re
from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from keras_hadamard._checks import received
from keras_hadamard._export import serializable
from keras_hadamard._introspection.kernels import chosen_kernels, kernels_of
from keras_hadamard._typing import Tensor
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters._forms import DenseForm
from keras_hadamard.adapters._running import Reading, Running
from keras_hadamard.adapters._site import Site, Steps
from keras_hadamard.adapters._weights import AdapterWeights
from keras_hadamard.pruning._delegating import Delegating

# The names of the weights that are adapted end so.
ENDINGS = ("kernel", "embeddings")


@serializable
class AdaptedModel(Delegating):
    """The model that `apply` returns: another model, `model`, frozen, and adapters on its kernels.

    It trains, predicts, saves and exports as any Keras model; what is trained are the weights of
    the active adapters. Its base is `adapted.model`, which by itself computes without adapters.
    Normalisations by batch statistics are frozen with it.

    `Dense`, `EinsumDense` (and with it what attention is made of) and `Embedding` layers compute
    their adapters beside the base: nothing of the kernel's size is formed, but for what an
    adapter's own description says. All other kernels (convolutions, depthwise ones, recurrent
    cells, layers with a `call` of their own) are replaced by the adapted ones during the call, and
    so are those of dense layers and embeddings that something else reads, such as tied ones: that
    is found out in the first call.

    What `enable_lora` of Keras added to a kernel is part of the base, and so are the zeros of a
    `PrunedModel`: adapters change the weights that its masks leave.

    Args:
        model: `keras.Model` that is built, and whose layers this model may change: give it a model
            of its own, or let `apply` make the copy.
        adapters: List of dicts with the items `"name"`, `"adapter"` and `"places"`, as
            `get_config` gives. Defaults to `()`.
        active: List of the names of active adapters. Defaults to `()`.
        name: String, or None for `adapted_` before the model's own. Defaults to `None`.

    Raises:
        ValueError: If an argument is none of these.

    Example:

    >>> from keras_hadamard import adapters
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="dense")])
    >>> adapted = adapters.apply(model, adapters.LoHa(2), name="one")
    >>> adapted = adapters.apply(adapted, adapters.IA3(), name="two")
    >>> adapted.active
    ['two']
    >>> adapted.activate("one", "two")
    >>> len(adapted.trainable_weights)
    5
    """

    def __init__(
        self,
        model: keras.Model,
        adapters: Iterable[dict[str, Any]] = (),
        active: Iterable[str] = (),
        name: str | None = None,
    ) -> None:
        if not isinstance(model, keras.Model) or not model.built:
            raise received("`model` to be a keras.Model that is built", model=model)
        # The wrapped model casts its inputs itself.
        super().__init__(
            name=name or f"adapted_{model.name}", dtype=model.dtype_policy, autocast=False
        )
        self.model = model
        # TensorFlow's attributes do nothing where the value is there already, on layers inside too.
        model.trainable = True
        model.trainable = False
        self.adapters: dict[str, AdapterWeights] = {}
        self.sites = [Site(kernel) for kernel in kernels_of(model, ENDINGS)]
        # Places whose layer takes the adapted kernel in place of its own.
        self._formed = {s.kernel.place for s in self.sites if s.form is None}
        self._running = Running()
        # Places that a call has shown to be read by their own layers, or to be formed.
        self._looked_at: set[int] = set()
        for site in self.sites:
            if site.form is not None:
                self._put_between(site, site.form)
        for given in adapters:
            self._make(given["name"], given["adapter"], given["places"])
        self.built = True
        self.activate(*active)

    @property
    def compute_dtype(self) -> Any:
        """That of the weights: Keras would read them in 16 bits, and each layer does so itself."""
        return self.variable_dtype

    @property
    def active(self) -> list[str]:
        """The names of the active adapters, in the order in which they work."""
        return list(self._active)

    def activate(self, *names: str) -> None:
        """Switches adapters: the named ones work from now on, one after another, and are trained.

        A model that is compiled has to be compiled again before it is trained with others.

        Args:
            *names: Strings; none for the base alone.

        Raises:
            ValueError: If there is no such adapter, or two cannot work together on a kernel.
        """
        unknown = [name for name in names if name not in self.adapters]
        if unknown or len(set(names)) < len(names):
            raise received(
                f"names among the adapters {list(self.adapters)}, each once", names=names
            )
        for name in names:
            others = {p for n in names if n != name for p in self.adapters[n].places}
            shared = others.intersection(self.adapters[name].places)
            if shared and not self.adapters[name].adapter.combines:
                path = self.sites[min(shared)].kernel.path
                raise received(
                    f"{name!r} to be the only adapter that is active on {path!r}", names=names
                )
        self._active = tuple(names)
        for name, weights in self.adapters.items():
            weights.trainable = name in names
        # What Keras traced went through other adapters.
        self.train_function = self.test_function = self.predict_function = None

    def add(
        self, name: str, adapter: Adapter, target: Any = None, exclude: str | None = None
    ) -> None:
        """Adds an adapter that is not active yet.

        Args:
            name: String of letters, digits and underscores.
            adapter: `LoRA`, `LoHa`, `LoKr`, `HiRA`, `ABBA`, `IA3`, `DoRA` or `VeRA`.
            target: String, regular expression that is searched for in the paths of kernels, list of
                their places, or None for all. Defaults to `None`.
            exclude: String, regular expression for the paths of those that are left out.
                Defaults to `None`.

        Raises:
            ValueError: If the name is taken, nothing matches, or a kernel cannot be adapted so.
        """
        chosen = chosen_kernels(self.model, target, exclude, ENDINGS)
        weights = self._make(name, adapter, [kernel.place for kernel in chosen])
        weights.start([self.sites[place] for place in weights.places])
        self.activate(*self._active)

    def _make(self, name: str, adapter: Adapter, places: Iterable[int]) -> AdapterWeights:
        if not isinstance(name, str) or not re.fullmatch(r"\w+", name) or name in self.adapters:
            raise received(
                f"`name` of letters, digits and underscores, none of {list(self.adapters)}",
                name=name,
            )
        if not isinstance(adapter, Adapter):
            raise received(
                "`adapter` to be a LoRA, LoHa, LoKr, HiRA, ABBA, IA3, DoRA or VeRA", adapter=adapter
            )
        sites = [self.sites[place] for place in places]
        self.adapters[name] = AdapterWeights(
            adapter, sites, name=name, dtype=self.model.dtype_policy
        )
        return self.adapters[name]

    def steps(self, site: Site) -> Steps:
        """The active adapters of a kernel with their weights."""
        found = [
            (self.adapters[name].adapter, self.adapters[name].at(site.kernel.place))
            for name in self._active
        ]
        return [(adapter, weights) for adapter, weights in found if weights is not None]

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        arguments = {"training": training} | ({} if mask is None else {"mask": mask})
        active = {place for name in self._active for place in self.adapters[name].places}
        looking = not active <= self._looked_at
        outputs, read = self._run(inputs, arguments, looking)
        self._looked_at |= active
        # Layers that were not called, because others read their kernels; or called and read.
        passed = (active - self._formed) & (read | (active - self._running.reached))
        if passed:
            self._formed |= passed
            outputs, _ = self._run(inputs, arguments, False)
        return outputs

    def _run(
        self, inputs: Tensor, arguments: dict[str, Any], looking: bool
    ) -> tuple[Tensor, set[int]]:
        """The outputs, and, if it is looked at, whose kernels others read."""
        values: dict[int, tuple[Any, Tensor]] = {}
        for place in self._formed:
            site = self.sites[place]
            steps = self.steps(site)
            if not steps:
                continue
            variables = (site.kernel.variable, site.bias)
            tensors = [None if v is None else self._read(v) for v in variables]
            new = site.merged(steps, *tensors)
            values.update(
                (id(v), (v, t)) for v, t in zip(variables, new, strict=True) if t is not None
            )
        with self._running.among(set(self._formed)):
            if not values and not looking:
                return self.model(inputs, **arguments), set()
            # A scope hides the values that one around it gives, so they are passed on.
            for variable in self.variables:
                values.setdefault(id(variable), (variable, self._read(variable)))
            before = {i: value for i, (_, value) in values.items()}
            places = {id(site.kernel.variable): site.kernel.place for site in self.sites}
            with Reading(list(values.values()), places, self._running) as scope:
                outputs = self.model(inputs, **arguments)
                read = set(scope.read)
        for i, (variable, _) in values.items():
            after = scope.get_current_value(variable)
            if after is not before[i]:
                variable.assign(after)
        self.add_loss(scope.losses)
        return outputs, read

    @staticmethod
    def _read(variable: Any) -> Tensor:
        value = ops.convert_to_tensor(variable)
        # TensorFlow's tape computes gradients of frozen weights too, for nobody.
        is_float = keras.backend.is_float_dtype(variable.dtype)
        return value if variable.trainable or not is_float else ops.stop_gradient(value)

    def _put_between(self, site: Site, form: DenseForm) -> None:
        """Lets the layer compute its adapters, while this model runs."""

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

    def export(self, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.export`, of the model with its adapters merged if it is not quantised."""
        from keras_hadamard.adapters.merge import merge

        if not any(site.quantised for site in self.sites):
            return merge(self).export(filepath, *args, **kwargs)
        inputs = keras.tree.map_structure(
            lambda x: keras.InputSpec(x.dtype, (None, *x.shape[1:])), [self.input]
        )
        return super().export(filepath, *args, **{"input_signature": inputs, **kwargs})

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.model),
            "adapters": [
                {
                    "name": name,
                    "adapter": keras.saving.serialize_keras_object(weights.adapter),
                    "places": list(weights.places),
                }
                for name, weights in self.adapters.items()
            ],
            "active": self.active,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "AdaptedModel":
        config = dict(config)
        config["model"] = keras.saving.deserialize_keras_object(
            config["model"], custom_objects=custom_objects
        )
        config["adapters"] = [
            {**given, "adapter": keras.saving.deserialize_keras_object(given["adapter"])}
            for given in config["adapters"]
        ]
        return cls(**config)
