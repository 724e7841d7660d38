"""How a validation rule of the contract fails inside a pydantic model.

Two kinds of bad input must stay apart (http-common.md, section 2): input that cannot be *bound* (wrong JSON type,
missing member) and input that *breaks a rule* (too long, malformed id).  All binding errors come before all rules.
Everything pydantic reports by itself is of the first kind; rules raise `broken_rule(...)`, which marks the second.
"""

from pydantic_core import PydanticCustomError

RULE = "backbone_rule"
INVALID_PROPERTY_VALUE = "error.platform.validation.invalidPropertyValue"


def broken_rule(message: str, code: str = INVALID_PROPERTY_VALUE) -> PydanticCustomError:
    """The exception a validator raises when its rule is broken; `code` is the protocol's error code."""
    return PydanticCustomError(RULE, "{message}", {"message": message, "code": code})
