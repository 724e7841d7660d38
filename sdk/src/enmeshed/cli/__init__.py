"""The command ``enmeshed``: an identity in a terminal. Needs the extra ``enmeshed[cli]``."""

import sys


def run() -> None:
    """Run the command, or say what is missing."""
    try:
        from enmeshed.cli.main import main
    except ModuleNotFoundError as error:
        sys.exit(f'error: {error.name} is missing; install the command with: pip install "enmeshed[cli]"')
    main()
