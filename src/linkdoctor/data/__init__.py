"""Data that comes with linkdoctor: known images and a recorded host."""
