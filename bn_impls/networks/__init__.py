"""Networks to train: one framework-free description, and one builder a framework."""
