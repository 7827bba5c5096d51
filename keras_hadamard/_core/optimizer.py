"""The variables of an optimizer, made before the first step."""

import keras


def build_optimizer(model: keras.Model) -> None:
    """Creates the slots of the model's optimizer, as its first step would.

    A step that creates variables is traced a second time, which for a deep network takes as long as
    some epochs.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and model.built and not optimizer.built:
        with model.distribute_strategy.scope():
            optimizer.build(model.trainable_variables)
