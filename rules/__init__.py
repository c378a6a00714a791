"""The rules that come with linkdoctor: one file, one diagnosis."""
