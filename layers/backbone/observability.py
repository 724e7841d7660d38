"""Logs: one structured line per request or event, on stderr, without addresses, ids or contents
(operations.md, section 5.3).

Every line names what it is about by a number that never changes, `event_id`, so that operators find and count it
whatever its words are; docs/operating.md lists them.  Metrics are made in `backbone.metrics`, traces in
`backbone.traces`.
"""

import json
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


def _line(fields: Mapping[str, Any]) -> str:
    return masked(json.dumps(fields, default=str, separators=(",", ":"), ensure_ascii=False))


logger = Logger(
    service=function_name(),
    level=os.environ.get("BACKBONE_LOG_LEVEL", "INFO"),
    stream=sys.stderr,
    json_serializer=_line,
    location=None,  # a line is known by its event_id
)
