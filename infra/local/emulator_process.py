"""What runs in the emulator's process: ministack, tied to the life of whoever started it.

    python -m infra.local.emulator_process [FOLDER]      FOLDER is removed at the end

The starter keeps the other end of this process's standard input and never writes to it. However the starter ends, the
end of that pipe is closed, and this process stops in good order: it saves its state and takes its workers with it.
"""

import os
import shutil
import signal
import sys
import threading
from typing import Any

from ministack.app import main
from ministack.services import lambda_svc
from ministack.services.cloudformation import _stacks, provisioners


def _stop_when_starter_is_gone() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _remember_attributes_in_nested_updates() -> None:
    """Mend ministack 1.5.33: an update of a nested stack forgets the attributes of resources it leaves alone.

    Without this, a data folder could not be used any more after a change to one of the templates in infra/.
    """
    update = provisioners._update_resource

    def update_with_known_attributes(*arguments: Any) -> Any:
        kind, physical_id, old, new, stack, logical_id, *attributes = arguments
        known = _stacks.get(stack, {}).get("_resources", {}).get(logical_id, {}).get("Attributes")
        return update(kind, physical_id, old, new, stack, logical_id, *(attributes or [known]))

    provisioners._update_resource = update_with_known_attributes


def _read_streams_from_their_start() -> None:
    """Mend ministack 1.5.33: it saves how far each stream was read, but not the streams, which begin anew.

    Without this, events would be passed over after a restart, until as many as before it have happened again.
    """
    lambda_svc._restore_esm_positions = lambda store, positions: None


if __name__ == "__main__":
    # The keyboard's interrupt is for the starter, which stops this process when it is ready to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_stop_when_starter_is_gone, daemon=True).start()
    _remember_attributes_in_nested_updates()
    _read_streams_from_their_start()
    folders, sys.argv[1:] = sys.argv[1:], []
    try:
        main()
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
