"""Entry point for both `python tests/standin` and `python -m standin`."""

import sys
from pathlib import Path

if not __package__:
    # Started by its folder: make the package importable under its own name.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from standin.app import main

if __name__ == "__main__":
    sys.exit(main())
