"""An hour of valid and invalid requests, and versions that are replaced meanwhile."""
