"""``python -m auroraview``: the command ``auroraview``."""

import sys

from auroraview.cli import main

if __name__ == "__main__":
    sys.exit(main())
