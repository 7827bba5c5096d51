#!/bin/sh
# Serves the models of a folder in TensorFlow Serving's own container: gRPC on 8500, REST on 8501.
#
#   examples/serving/serve.sh [models] [answers]
set -eu
models=$(cd "${1:-models}" && pwd)
name=${2:-answers}
exec docker run --rm --name keras_hadamard_serving \
  --publish 8500:8500 --publish 8501:8501 \
  --volume "$models:/models:ro" \
  tensorflow/serving:2.20.0 \
  --model_config_file="/models/$name/models.config" \
  --enable_batching=true \
  --enable_per_model_batching_parameters=true
