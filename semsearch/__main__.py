"""`python -m semsearch` is `semsearch`."""

import sys

from semsearch.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
