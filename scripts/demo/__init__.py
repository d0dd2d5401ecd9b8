"""The parts of `make run`; the end-to-end tests use the same ones."""
