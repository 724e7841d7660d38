"""Logs: one structured line per request or event, on stderr, without addresses, ids or contents
(operations.md, section 5.3)."""

import os
import sys

from aws_lambda_powertools import Logger

logger = Logger(
    service=os.environ.get("POWERTOOLS_SERVICE_NAME", "backbone"),
    level=os.environ.get("BACKBONE_LOG_LEVEL", "INFO"),
    stream=sys.stderr,
)
