"""What pruning and adapters do to models of others."""
