"""Plans, applies, verifies and undoes what a report advises."""
