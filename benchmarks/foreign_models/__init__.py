"""The effect of pruning and adapters on other models."""
