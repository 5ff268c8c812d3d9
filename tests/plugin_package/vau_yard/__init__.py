"""A task, a model, a metric and a reader for vau-bench."""
