"""A SavedModel in TensorFlow's session, fed as the server feeds it.

`Session.run` compares shapes in Python first; the server's own code does not.
"""

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from keras_hadamard.serving import _saved_model


class RawSession:
    def __init__(self, path, signature="serving_default"):
        self.path = path
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        found = _saved_model.read(path).signature_def[signature]
        with self._session.graph.as_default():
            tf.compat.v1.saved_model.load(self._session, ["serve"], str(path))
        self.specs = _saved_model.specs(found.inputs)
        self._outputs = list(found.outputs)
        self._run = self._session._make_callable_from_options(
            config_pb2.CallableOptions(
                feed=[found.inputs[name].name for name in self.specs],
                fetch=[found.outputs[name].name for name in self._outputs],
            )
        )

    def __call__(self, **inputs):
        return dict(zip(self._outputs, self._run(*[inputs[n] for n in self.specs]), strict=True))
