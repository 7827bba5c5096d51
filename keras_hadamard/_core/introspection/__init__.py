"""What is inside anyone's Keras model: its layers, its calls, its kernels, and copies of it."""
