"""Logs: one structured line per request or event, on stderr, without addresses, ids or contents
(operations.md, section 5.3).

Every line names what it is about by a number that never changes, `event_id`, so that operators find and count it
whatever its words are; docs/operating.md lists them.  Metrics are made in `backbone.metrics`, traces in
`backbone.traces`.

How much is logged is said by `BACKBONE_LOG_LEVEL` alone.  Lambda has a level of its own, which its runtime gives to the
root logger, and so to all libraries, before this module is imported; at DEBUG the AWS SDK would write every request
with its body and its credentials.  Here libraries have nothing to say but errors, whatever Lambda sets.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from backbone.settings import function_name

_IDENTIFYING = re.compile(r"did:e:[^\s\"'\\]+?:dids:[0-9a-f]{22}|\b(?:DVC|USR)[A-Za-z0-9]{17}\b")
MASK = "**MASKED**"


def masked(text: str) -> str:
    """`text` without addresses, device ids and user names: a stack trace may quote what it stumbled over."""
    return _IDENTIFYING.sub(MASK, text)


_LEVEL_OF_LAMBDA = "AWS_LAMBDA_LOG_LEVEL"


def silence_libraries() -> None:
    """Take back what Lambda's level has done to the loggers of libraries, and hide it from Powertools.

    Powertools would prefer Lambda's level to the one it is given.
    """
    os.environ.pop(_LEVEL_OF_LAMBDA, None)
    logging.getLogger().setLevel(logging.ERROR)


silence_libraries()


def _line(fields: Mapping[str, Any]) -> str:
    return masked(json.dumps(fields, default=str, separators=(",", ":"), ensure_ascii=False))


logger = Logger(
    service=function_name(),
    level=os.environ.get("BACKBONE_LOG_LEVEL", "INFO"),
    stream=sys.stderr,
    json_serializer=_line,
    use_rfc3339=True,  # of lines with another timestamp, Lambda does not believe the level either
    location=None,  # a line is known by its event_id
)
