"""Ports of the layers to the original authors' parameters, one module a family of layers."""
