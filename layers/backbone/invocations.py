"""What surrounds the Lambda entry points that may fail: a failure is told without what it stumbled over.

Lambda's runtime writes the words of an exception into the log as they are, and they may quote an address or a content.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from backbone.observability import logger

AnswerT = TypeVar("AnswerT")


class InvocationFailed(Exception):
    """All that Lambda is told: the kind of the failure.  The log says the rest, masked."""


def entry_point(handler: Callable[[dict[str, Any], Any], AnswerT]) -> Callable[[dict[str, Any], Any], AnswerT]:
    """`handler`, whose failures are logged here and reach Lambda as `InvocationFailed`."""

    @wraps(handler)
    def handle(event: dict[str, Any], lambda_context: Any) -> AnswerT:
        try:
            return handler(event, lambda_context)
        except Exception as error:
            logger.exception("invocation failed", event_id=640177)
            raise InvocationFailed(type(error).__name__) from None

    return handle
