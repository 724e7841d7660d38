"""`python -m cli` is the command `backbone`, where it is not installed."""

import sys

from cli.main import main

sys.exit(main())
