"""What happens to requests that no route takes.  Contract: http-common.md, sections 1 and 9.

API Gateway matches paths exactly.  The reference matches them in any case and with a trailing slash, so a path that
differs only in these is sent to its exact form; a known path with another method is 405, anything else 404.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

PARAMETER = re.compile(r"\{\w+\}")
Routes = Mapping[str, Sequence[str]]
"""Path patterns and the methods each one takes."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """No such path."""


@dataclass(frozen=True, slots=True)
class MethodNotAllowed:
    """The path is known; `allowed` are its methods."""

    allowed: Sequence[str]


@dataclass(frozen=True, slots=True)
class MovedTo:
    """The same path, written as the routes write it."""

    path: str


@lru_cache(maxsize=256)
def _pattern(route: str) -> re.Pattern[str]:
    literal = [re.escape(part) for part in PARAMETER.split(route)]
    return re.compile("([^/]+)".join(literal), re.IGNORECASE)


def outcome(method: str, path: str, routes: Routes) -> NotFound | MethodNotAllowed | MovedTo:
    """What to answer to a request that met no route."""
    wanted = path.rstrip("/") or "/"
    # Fixed segments win over parameters, as they do in API Gateway.
    for route in sorted(routes, key=lambda route: route.count("{")):
        match = _pattern(route).fullmatch(wanted)
        if match is None:
            continue
        exact = PARAMETER.sub("{}", route).format(*match.groups())
        if method not in routes[route]:
            return MethodNotAllowed(tuple(routes[route]))
        if exact != path:
            return MovedTo(exact)
    return NotFound()
