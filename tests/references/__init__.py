"""References: the layers on the original authors' parameters, one module a family of layers."""
