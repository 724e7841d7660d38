"""Lambda entry points of Uploads."""

from typing import Any

from functions.uploads import authorizer


def authorize(event: dict[str, Any], lambda_context: Any) -> dict[str, Any]:
    """Whether API Gateway may store a body, and where.  An event that is no request only loads the function."""
    return authorizer.decide(event) if "methodArn" in event else {}
