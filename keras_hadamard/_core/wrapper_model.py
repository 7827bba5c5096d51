"""Base class of models that wrap another model."""

from typing import Any

import keras

from keras_hadamard._core.optimizer import build_optimizer


class WrapperModel(keras.Model):
    """Model with the inputs and outputs of `self.model`, under the names that losses use."""

    model: keras.Model

    @property
    def inputs(self) -> Any:
        return self.model.inputs

    @property
    def outputs(self) -> Any:
        return self.model.outputs

    @property
    def input(self) -> Any:
        # A sequential model that was never called also has one.
        sequential = isinstance(self.model, keras.Sequential)
        return self.model.inputs[0] if sequential else self.model.input

    @property
    def output(self) -> Any:
        sequential = isinstance(self.model, keras.Sequential)
        return self.model.outputs[0] if sequential else self.model.output

    @property
    def input_names(self) -> Any:
        if isinstance(self.model, keras.Sequential):
            return [tensor.name for tensor in self.model.inputs]
        return self.model.input_names

    @property
    def output_names(self) -> Any:
        if isinstance(self.model, keras.Sequential):
            # It has no names of its own; a server's output is named after the last layer.
            return [self.model.layers[-1].name]
        return self.model.output_names

    @property
    def input_shape(self) -> Any:
        return self.model.input_shape

    @property
    def output_shape(self) -> Any:
        return self.model.output_shape

    def get_build_config(self) -> Any:
        return self.model.get_build_config()

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Does nothing: the inner model is built when this one is created."""

    def make_train_function(self, force: bool = False) -> Any:
        """As `keras.Model.make_train_function`; the step is traced once."""
        build_optimizer(self)
        return super().make_train_function(force)
