"""The engine lab: tests against real Docker engines, each in a network namespace of its own."""
