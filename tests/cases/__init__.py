"""One or more configurations of every public layer, one module a family of layers."""
