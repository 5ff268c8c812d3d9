"""The version of the package, read by the build and by the manifest of every run."""

__version__ = "0.1.0"
