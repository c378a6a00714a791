"""What leaves a machine under pseudonyms, and what a file holds."""
