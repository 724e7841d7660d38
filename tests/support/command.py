"""The command `backbone` in this process, on whatever tables the environment names."""

import contextlib
import io
import json
import os
import sys
from dataclasses import dataclass
from typing import Any
from unittest import mock

from backbone.observability import logger
from backbone.settings import settings
from cli import aws
from cli.main import main


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed with `--json`."""
        assert self.code == 0, self.err
        return json.loads(self.out)


def backbone(*arguments: str, answers: str = "") -> Outcome:
    """Run a command; `answers` is what is typed when it asks."""
    out, err = io.StringIO(), io.StringIO()
    level = logger.log_level
    with contextlib.ExitStack() as around:
        around.enter_context(mock.patch.dict(os.environ))
        around.enter_context(mock.patch.object(sys, "stdin", io.StringIO(answers)))
        around.enter_context(contextlib.redirect_stdout(out))
        around.enter_context(contextlib.redirect_stderr(err))
        aws.client.cache_clear()
        code = main(arguments)
    logger.setLevel(level)
    settings.cache_clear()
    return Outcome(code, out.getvalue(), err.getvalue())
