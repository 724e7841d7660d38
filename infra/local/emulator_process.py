"""What runs in the emulator's process: ministack, tied to the life of whoever started it.

    python -m infra.local.emulator_process [FOLDER]      FOLDER is removed at the end

The starter keeps the other end of this process's standard input and never writes to it. However the starter ends, the
end of that pipe is closed, and this process stops in good order: it saves its state and takes its workers with it.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any

from ministack.app import main
from ministack.core import iam_actions, lambda_runtime
from ministack.core.responses import request_scope
from ministack.services import dynamodb, eventbridge, lambda_svc, s3, sns
from ministack.services.cloudformation import _stacks, provisioners

_kill_workers = lambda_runtime.kill_workers
_WAITING = "-sse"
"""What the name of the function ends with that serves server-sent events."""
_REAPER = "dynamodb-ttl-reaper"
"""The name of ministack's thread that removes what has expired."""
_RETRY_SECONDS = 1
_INVOCATION_SECONDS = 30
_SHARD = "shardId-00000000000000000000-00000000"
"""ministack's streams have one."""


def _stop_when_starter_is_gone() -> None:
    sys.stdin.buffer.read()
    _let_nobody_wait()
    os.kill(os.getpid(), signal.SIGTERM)


def _let_nobody_wait() -> None:
    """End the invocations that wait for events: a stop in good order would wait for them, too."""
    pools = list(lambda_runtime._workers.values())
    _kill_workers([worker for pool in pools for worker in pool if worker.func_name.endswith(_WAITING)])


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


def _keep_what_stream_readers_give_up_on() -> None:
    """Mend ministack 1.5.33: it knows no bucket as destination of a stream's failed batches, and drops them.

    Afterwards the letter lies in the bucket as AWS puts it there, under the same kind of key, with the whole batch.
    """
    send = lambda_svc._send_ddb_stream_failure_record

    def send_or_store(mapping: Any, function: Any, batch: Any, stream_arn: str, result: Any, condition: str) -> None:
        destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination", "")
        if not destination.startswith("arn:aws:s3:::"):
            send(mapping, function, batch, stream_arn, result, condition)
            return
        changes, now = [record["dynamodb"] for record in batch], datetime.now(UTC)
        letter = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": (function.get("config") or function)["FunctionArn"],
                "condition": condition,
                "approximateInvokeCount": 1,
            },
            "version": "1.0",
            "timestamp": now.isoformat(),
            "DDBStreamBatchInfo": {
                "shardId": _SHARD,
                "startSequenceNumber": changes[0]["SequenceNumber"],
                "endSequenceNumber": changes[-1]["SequenceNumber"],
                "batchSize": len(batch),
                "streamArn": stream_arn,
            },
            "payload": json.dumps({"Records": batch}),
        }
        key = f"aws/lambda/{mapping['UUID']}/{_SHARD}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        s3._put_object(destination.removeprefix("arn:aws:s3:::"), key, json.dumps(letter).encode(), {})

    lambda_svc._send_ddb_stream_failure_record = send_or_store


def _repeat_what_stream_readers_report() -> None:
    """Mend ministack 1.5.33: a reader of a stream that reports failed records has done all to it.

    Without this, events would be lost here that AWS delivers once more.
    """
    execute = lambda_svc._execute_function

    def execute_and_look(function: Any, event: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = execute(function, event)
        records = event.get("Records") if isinstance(event, dict) else None
        of_a_stream = bool(records) and records[0].get("eventSource") == "aws:dynamodb"
        body = result.get("body")
        answer = json.loads(body) if isinstance(body, str | bytes) and of_a_stream and body else body
        if of_a_stream and isinstance(answer, dict) and answer.get("batchItemFailures"):
            return {**result, "error": True}
        return result

    lambda_svc._execute_function = execute_and_look


def _hand_events_over_as_lambda_does() -> None:
    """Mend ministack 1.5.33: a rule invokes a function once per event, all events at the same time, and that is it.

    Afterwards events wait for a function, which takes them one by one; a failed invocation is repeated twice, and what
    still fails goes where the function's configuration says.
    """
    waiting: dict[str, ThreadPoolExecutor] = {}

    def dispatch(arn: str, payload: str) -> None:
        function, configuration, name = lambda_svc._get_func_record_for_ref(arn)
        if function is None or configuration is None:
            return
        record = lambda_svc._execution_record_for_config(function, configuration)
        if name not in waiting:
            waiting[name] = ThreadPoolExecutor(1, thread_name_prefix=name)
        waiting[name].submit(copy_context().run, hand_over, record, json.loads(payload))

    def hand_over(record: dict[str, Any], event: dict[str, Any]) -> None:
        configured = (record.get("event_invoke_configs") or {}).get("$LATEST") or {}
        result: dict[str, Any] = {}
        for attempt in range(configured.get("MaximumRetryAttempts", 2) + 1):
            time.sleep(attempt * _RETRY_SECONDS)
            result = lambda_svc._execute_function_with_config_scope(record, event)
            if not result.get("error"):
                return
        target = (configured.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
        if target:
            lambda_svc._run_with_function_config_scope(
                record, lambda_svc._route_async_failure, target, record["config"]["FunctionName"], event, result
            )

    eventbridge._dispatch_to_lambda = dispatch


def _let_invocations_end_before_an_update_takes_their_worker() -> None:
    """Mend ministack 1.5.33: a new version of a function kills its workers, also those that are at work.

    Without this, requests fail during a deployment that do not fail on AWS.
    """

    def kill_when_idle(worker: Any) -> None:
        deadline = time.monotonic() + _INVOCATION_SECONDS
        while worker.in_use and time.monotonic() < deadline:
            time.sleep(_RETRY_SECONDS / 10)
        _kill_workers([worker])

    def kill_idle(workers: Iterable[Any]) -> None:
        busy = [worker for worker in workers if worker is not None]
        _kill_workers([worker for worker in busy if not worker.in_use])
        for worker in busy:
            if worker.in_use:
                threading.Thread(target=kill_when_idle, args=[worker], daemon=True).start()

    lambda_runtime.kill_workers = kill_idle


if __name__ == "__main__":
    # The keyboard's interrupt is for the starter, which stops this process when it is ready to.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_stop_when_starter_is_gone, daemon=True).start()
    _remember_attributes_in_nested_updates()
    _read_streams_from_their_start()
    _keep_what_is_pushed()
    _know_rights_to_push()
    _let_items_expire()
    _keep_what_stream_readers_give_up_on()
    _repeat_what_stream_readers_report()
    _hand_events_over_as_lambda_does()
    _let_invocations_end_before_an_update_takes_their_worker()
    folders, sys.argv[1:] = sys.argv[1:], []
    try:
        main()
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
