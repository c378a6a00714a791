"""What linkdoctor costs, against what a person would use instead: ``python -m benchmarks``."""
