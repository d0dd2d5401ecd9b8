"""The parts of `make run`, and of the end-to-end tests."""
