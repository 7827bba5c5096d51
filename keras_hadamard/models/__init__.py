"""Published architectures, each a Keras model."""
