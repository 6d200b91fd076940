"""The version of the package: written into datasets, checked by installers."""

__version__ = "0.1.0"
