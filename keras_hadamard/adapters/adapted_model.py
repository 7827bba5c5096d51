"""A model whose kernels are adapted."""

import re
from collections.abc import Iterable
from typing import Any

import keras

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.kernels import chosen_kernels, kernels_of
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard._core.wrapper_model import WrapperModel
from keras_hadamard.adapters._adaptable_kernel import ActiveAdapters, AdaptableKernel
from keras_hadamard.adapters._adapted_call import AdaptedCall
from keras_hadamard.adapters._adapter import Adapter
from keras_hadamard.adapters._merged import ENDINGS, merged_copy
from keras_hadamard.adapters._weights import AdapterWeights, check_together


@serializable
class AdaptedModel(WrapperModel):
    """The model that `apply` returns: another model, `model`, frozen, and adapters on its kernels.

    It trains, predicts, saves and exports as any Keras model; only the weights of the active
    adapters are trained. Its base is `adapted.model`, which computes without adapters when called
    directly. Batch normalisations are frozen with it.

    `Dense`, `EinsumDense` (which attention layers consist of) and `Embedding` layers compute their
    adapters in addition to the base: nothing of the kernel's size is formed, except where an
    adapter's description says so. All other kernels (convolutions, depthwise ones, recurrent cells,
    layers with a custom `call`) are replaced by the adapted ones during the call, and so are
    kernels of dense layers and embeddings that other layers read, such as tied ones: the first call
    detects these.

    The update of Keras's `enable_lora` is part of the base, and so are the zeros of a
    `PrunedModel`: adapters change only the weights that its masks keep.

    Args:
        model: `keras.Model` that is built, and whose layers this model may change: give it a model
            that nothing else uses, or let `apply` make the copy.
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
            raise received("`model` to be a built keras.Model", model=model)
        # The wrapped model casts its inputs itself.
        super().__init__(
            name=name or f"adapted_{model.name}", dtype=model.dtype_policy, autocast=False
        )
        self.model = model
        # TensorFlow ignores an assignment of the same value, for nested layers too.
        model.trainable = True
        model.trainable = False
        self.adapters: dict[str, AdapterWeights] = {}
        self.adaptable_kernels = [AdaptableKernel(kernel) for kernel in kernels_of(model, ENDINGS)]
        self._adapted_call = AdaptedCall(model, self.adaptable_kernels, self.active_adapters)
        for given in adapters:
            self._make(given["name"], given["adapter"], given["places"])
        self.built = True
        self.activate(*active)

    @property
    def compute_dtype(self) -> Any:
        """The weights' dtype: Keras would read them in 16 bits, and each layer casts itself."""
        return self.variable_dtype

    @property
    def active(self) -> list[str]:
        """The names of the active adapters, in the order in which they work."""
        return list(self._active)

    def activate(self, *names: str) -> None:
        """Activates the named adapters, which are applied one after another, and trained.

        A compiled model has to be compiled again before it is trained with other adapters.

        Args:
            *names: Strings; none for only the base.

        Raises:
            ValueError: If there is no such adapter, or two cannot be combined on a kernel.
        """
        check_together(names, self.adapters, self.adaptable_kernels)
        self._active = tuple(names)
        for name, weights in self.adapters.items():
            weights.trainable = name in names
        # The functions that Keras traced use other adapters.
        self.train_function = self.test_function = self.predict_function = None

    def add(
        self, name: str, adapter: Adapter, target: Any = None, exclude: str | None = None
    ) -> None:
        """Adds an adapter that is not active yet.

        Args:
            name: String of letters, digits and underscores.
            adapter: `LoRA`, `LoHa`, `LoKr`, `HiRA`, `ABBA`, `IA3`, `DoRA` or `VeRA`.
            target: String, regular expression that is searched for in the paths of kernels, list of
                their positions, or None for all. Defaults to `None`.
            exclude: String, regular expression for the paths of kernels to leave out. Defaults to
                `None`.

        Raises:
            ValueError: If the name is taken, no kernel matches, or the adapter does not support a
                kernel.
        """
        chosen = chosen_kernels(self.model, target, exclude, ENDINGS)
        weights = self._make(name, adapter, [kernel.place for kernel in chosen])
        weights.start([self.adaptable_kernels[place] for place in weights.places])
        self.activate(*self._active)

    def _make(self, name: str, adapter: Adapter, places: Iterable[int]) -> AdapterWeights:
        if not isinstance(name, str) or not re.fullmatch(r"\w+", name) or name in self.adapters:
            raise received(
                f"`name` of letters, digits and underscores, none of {list(self.adapters)}",
                name=name,
            )
        adaptable_kernels = [self.adaptable_kernels[place] for place in places]
        self.adapters[name] = AdapterWeights(
            adapter, adaptable_kernels, name=name, dtype=self.model.dtype_policy
        )
        return self.adapters[name]

    def active_adapters(self, adaptable: AdaptableKernel) -> ActiveAdapters:
        """The active adapters of a kernel with their weights."""
        found = [
            (self.adapters[name].adapter, self.adapters[name].at(adaptable.kernel.place))
            for name in self._active
        ]
        return [(adapter, weights) for adapter, weights in found if weights is not None]

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        arguments = {"training": training} | ({} if mask is None else {"mask": mask})
        active = {place for name in self._active for place in self.adapters[name].places}
        outcome = self._adapted_call(inputs, arguments, active, self.variables)
        self.add_loss(outcome.losses)
        return outcome.outputs

    def export(self, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.export`, with the adapters merged if the model is not quantised."""
        if not any(adaptable.quantised for adaptable in self.adaptable_kernels):
            return merged_copy(self.model, self.active_adapters).export(filepath, *args, **kwargs)
        inputs = keras.tree.map_structure(
            lambda x: keras.InputSpec(x.dtype, (None, *x.shape[1:])), [self.input]
        )
        return super().export(filepath, *args, **{"input_signature": inputs, **kwargs})

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.model),
            "adapters": [weights.description() for weights in self.adapters.values()],
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
