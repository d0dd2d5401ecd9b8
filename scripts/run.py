#!/usr/bin/env python3
"""`make run`: Ollama behind the gate, in a real Envoy, with fresh credentials. `--help` tells the rest.

This file only checks that Python can go on, and is written so that an old one can read it.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VENV_PYTHON = os.path.join(os.path.dirname(HERE), ".venv", "bin", "python")


def start():
    """Out: the exit code: 0 ended as asked, 1 something is in the way, 2 used wrongly."""
    try:
        import yaml  # noqa: F401
    except ImportError:
        if os.path.exists(VENV_PYTHON) and os.environ.get("OLLAMA_GATE_VENV") != "1":
            # Once only: an environment without PyYAML must not start itself for ever.
            os.environ["OLLAMA_GATE_VENV"] = "1"
            os.execv(VENV_PYTHON, [VENV_PYTHON, os.path.abspath(__file__)] + sys.argv[1:])
        sys.stderr.write("run: PyYAML is missing. `make run` installs it, or: sh scripts/python-env.sh run\n")
        return 1
    sys.path.insert(0, HERE)
    from demo.main import main

    return main()


if __name__ == "__main__":
    try:
        sys.exit(start())
    except KeyboardInterrupt:
        # Before the run has its own signal handlers, there is nothing to end.
        sys.exit(0)
