"""What runs in the emulator's process: ministack, tied to the life of whoever started it.

    python -m infra.local.emulator_process [FOLDER]      FOLDER is removed at the end

The starter keeps the other end of this process's standard input and never writes to it. However the starter ends, the
end of that pipe is closed, and this process stops in good order: it saves its state and takes its workers with it.
"""

import os
import shutil
import signal
import sys
import threading
from typing import Any

from ministack.app import main
from ministack.core import iam_actions, lambda_runtime
from ministack.core.responses import request_scope
from ministack.services import dynamodb, lambda_svc, sns
from ministack.services.cloudformation import _stacks, provisioners

_WAITING = "-sse"
"""What the name of the function ends with that serves server-sent events."""
_REAPER = "dynamodb-ttl-reaper"
"""The name of ministack's thread that removes what has expired."""


def _stop_when_starter_is_gone() -> None:
    sys.stdin.buffer.read()
    _let_nobody_wait()
    os.kill(os.getpid(), signal.SIGTERM)


def _let_nobody_wait() -> None:
    """End the invocations that wait for events: a stop in good order would wait for them, too."""
    pools = list(lambda_runtime._workers.values())
    lambda_runtime.kill_workers([worker for pool in pools for worker in pool if worker.func_name.endswith(_WAITING)])


def _remember_attributes_in_nested_updates() -> None:
    """Mend ministack 1.5.33: an update of a nested stack forgets the attributes of resources it leaves alone.

    Without this, a data folder could not be used any more after a change to one of the templates in infra/.
    """
    update = provisioners._update_resource

    def update_with_known_attributes(*arguments: Any) -> Any:
        kind, physical_id, old, new, stack, logical_id, *attributes = arguments
        known = _stacks.get(stack, {}).get("_resources", {}).get(logical_id, {}).get("Attributes")
        return update(kind, physical_id, old, new, stack, logical_id, *(attributes or [known]))

    provisioners._update_resource = update_with_known_attributes


def _read_streams_from_their_start() -> None:
    """Mend ministack 1.5.33: it saves how far each stream was read, but not the streams, which begin anew.

    Without this, events would be passed over after a restart, until as many as before it have happened again.
    """
    lambda_svc._restore_esm_positions = lambda store, positions: None


def _keep_what_is_pushed() -> None:
    """Mend ministack 1.5.33: it takes what is published to a phone's endpoint, but keeps nothing of it.

    Afterwards it stands beside the text messages (GET /_ministack/sns/sms-messages), by endpoint, and an endpoint that
    is disabled refuses it as in AWS.
    """
    publish = sns._publish

    def publish_and_keep(parameters: dict[str, Any]) -> Any:
        endpoint_arn = sns._p(parameters, "TargetArn")
        endpoint = sns._platform_endpoints.get(endpoint_arn)
        if endpoint and endpoint["attributes"]["Enabled"] != "true":
            return sns._error("EndpointDisabled", "Endpoint is disabled", 400)
        if endpoint:
            kept = {
                "Token": endpoint["attributes"]["Token"],
                "Message": sns._p(parameters, "Message"),
                "MessageAttributes": sns._parse_message_attributes(parameters),
            }
            sns._sms_log_for(endpoint_arn).append(kept)
        return publish(parameters)

    sns._publish = publish_and_keep


def _know_rights_to_push() -> None:
    """Mend ministack 1.5.33: calls about applications, endpoints, paths of parameters are calls about all to it."""
    resource_of = iam_actions.extract_resource_arn

    def resource_of_push_too(service: str, *request: Any) -> Any:
        body, parameters, region, account = request[-4:]
        if service == "ssm" and (path := iam_actions._safe_json_field(body, "Path")):
            return f"arn:aws:ssm:{region}:{account}:parameter{path}"
        if service == "sns":
            for name in ("PlatformApplicationArn", "EndpointArn"):
                if arn := iam_actions._query_param(parameters, name):
                    return arn
            if iam_actions._query_param(parameters, "Action") == "CreatePlatformApplication":
                return f"arn:aws:sns:{region}:{account}:app/"  # as AWS, whatever platform and name are
            if iam_actions._query_param(parameters, "Action") == "ListPlatformApplications":
                return f"arn:aws:sns:{region}:{account}:*"
        return resource_of(service, *request)

    iam_actions.extract_resource_arn = resource_of_push_too


def _let_items_expire() -> None:
    """Mend ministack 1.5.33: tables of a stack have no TTL, and what expires goes without a record in the stream.

    Without this, nothing would ever expire here, and nothing of what is to happen at the end of an item would happen.
    """
    table_handler = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create, remove = table_handler["create"], dynamodb._remove_item

    def create_with_ttl(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, attributes = create(logical_id, properties, stack)
        if ttl := properties.get("TimeToLiveSpecification"):
            dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": {**ttl, "Enabled": True}})
        return name, attributes

    def remove_and_tell(table: Any, *key: Any) -> Any:
        item = remove(table, *key)
        if item is not None and threading.current_thread().name == _REAPER:
            *_, region, account, _ = table["TableArn"].split(":")
            with request_scope(account, region):
                dynamodb._emit_stream_event(table["TableName"], "REMOVE", item, None)
        return item

    table_handler["create"] = create_with_ttl
    dynamodb._remove_item = remove_and_tell


if __name__ == "__main__":
    # The keyboard's interrupt is for the starter, which stops this process when it is ready to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_stop_when_starter_is_gone, daemon=True).start()
    _remember_attributes_in_nested_updates()
    _read_streams_from_their_start()
    _keep_what_is_pushed()
    _know_rights_to_push()
    _let_items_expire()
    folders, sys.argv[1:] = sys.argv[1:], []
    try:
        main()
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
