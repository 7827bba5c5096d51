"""The page of a run: its figures, and the template that they stand in."""
