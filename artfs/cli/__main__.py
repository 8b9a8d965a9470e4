"""`python -m artfs.cli` is `artfs`."""

import sys

from artfs.cli.main import main

sys.exit(main())
