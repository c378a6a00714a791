"""linkdoctor: finds broken Docker links, proves each fault and says what mends it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
