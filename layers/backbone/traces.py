"""Traces: what a function did of a request or an event, as a subsegment of the segment that Lambda makes by itself.

X-Ray finds them by their annotations, `service` and `route`.  Lambda tells by an environment variable whether the
invocation is one of those that are sampled, and runs a daemon that takes subsegments as UDP datagrams; this is all of
X-Ray's SDK that is needed here (why not the SDK: docs/decisions/observability.md).  Elsewhere nothing happens.
"""

import json
import os
import secrets
import socket
import time
from functools import lru_cache

from backbone.settings import function_name

_TRACE = "_X_AMZN_TRACE_ID"
_DAEMON = "AWS_XRAY_DAEMON_ADDRESS"
_HEADER = '{"format":"json","version":1}\n'
_SERVICE = function_name()
_NAME_LENGTH = 200


@lru_cache(maxsize=1)
def _socket() -> socket.socket:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setblocking(False)
    return sender


def record(name: str, duration_seconds: float, *, status: int = 200) -> None:
    """Something that has just ended after `duration_seconds`; `status` in the sense of HTTP.  Never raises."""
    trace = dict(part.partition("=")[::2] for part in os.environ.get(_TRACE, "").split(";"))
    daemon = os.environ.get(_DAEMON, "")
    if trace.get("Sampled") != "1" or not daemon:
        return
    ended = time.time()
    subsegment = {
        "name": "".join(letter if letter.isalnum() or letter in " _.:/%&#=+-@" else "_" for letter in name)[
            :_NAME_LENGTH
        ],
        "id": secrets.token_hex(8),
        "type": "subsegment",
        "trace_id": trace.get("Root", ""),
        "parent_id": trace.get("Parent", ""),
        "start_time": ended - duration_seconds,
        "end_time": ended,
        "annotations": {"service": _SERVICE, "route": name, "status": status},
        "error": 400 <= status < 500,
        "throttle": status == 429,
        "fault": status >= 500,
    }
    host, _, port = daemon.rpartition(":")
    try:
        _socket().sendto((_HEADER + json.dumps(subsegment)).encode(), (host, int(port)))
    except (OSError, ValueError):
        return  # a trace less
