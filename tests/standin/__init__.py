"""A stand-in for Ollama: its routes, shapes, streams and fences, without a model.

Run it as `python tests/standin --port 11434 --log FILE` (or, with PYTHONPATH=tests,
as `python -m standin`). It needs nothing but Python's standard library.
"""
