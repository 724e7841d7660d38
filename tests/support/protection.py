"""No write leaves this process that would do harm when the SDK repeats it.

The rule holds in every test, so a new write that goes around the layer fails in the first test that makes it.
"""

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.responses import DynamoHandler

from backbone import dynamodb, marks

_EXECUTED = "tokens_of_executed_transactions"


class UnprotectedWrite(AssertionError):
    """A repetition of this request could fail against itself or count twice."""


def watch_writes() -> None:
    """From now on an unprotected write raises `UnprotectedWrite` instead of being sent."""
    events = dynamodb.client().meta.events
    events.register("provide-client-params.dynamodb", _check, unique_id="protection")


def _check(params: dict[str, Any], model: Any, **_: Any) -> None:
    if not _is_protected(model.name, params):
        raise UnprotectedWrite(f"{model.name} has neither mark nor token: {params}")


def _is_protected(operation: str, params: dict[str, Any]) -> bool:
    if operation == "PutItem":
        return "ConditionExpression" not in params or marks.LAST in params["Item"]
    if operation == "UpdateItem":
        return f":{marks.LAST}" in params.get("ConditionExpression", "")
    return operation != "TransactWriteItems" or "ClientRequestToken" in params


def _with_tokens(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def transact_write_items(handler: Any) -> ActionResult:
        executed = vars(handler.dynamodb_backend).setdefault(_EXECUTED, set())
        token = handler.body.get("ClientRequestToken")
        if token in executed:
            return ActionResult({"ConsumedCapacity": [], "ItemCollectionMetrics": {}})
        answer = original(handler)
        executed.add(token)
        return answer

    return transact_write_items


# As on AWS: a transaction with the token of one that has succeeded succeeds, too, and changes nothing.
setattr(DynamoHandler, "transact_write_items", _with_tokens(DynamoHandler.transact_write_items))  # noqa: B010
