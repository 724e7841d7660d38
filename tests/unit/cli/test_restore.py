"""`backbone restore`: fill, destroy, restore, compare.  Decision: docs/decisions/restoring.md."""

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from backbone import clock, payloads, stream_letters
from backbone.dynamodb import Table, client
from backbone.encoding import to_base64url
from backbone.events.base import ATTRIBUTE
from backbone.quotas import Metric
from backbone.settings import settings
from cli import dead_letters
from cli import restore as command
from cli.dead_letters import stored_letters
from cli.restoring import copying, tables, void_events
from cli.restoring import plan as plans
from cli.restoring.objects import Versions
from cli.target import tables_of_services as tables_in_use
from functions.blobs import handler as blobs
from functions.outbox import handler as outbox
from functions.outbox import publisher
from tests.support.api import InProcessApi
from tests.support.builders import given_announcement, given_individual_quota, given_tier_quota
from tests.support.command import Outcome, backbone
from tests.support.crashes import died
from tests.support.engine import BUCKET, MOTO_ACCOUNT, REGION, aws, forget_environment, prepare_environment
from tests.support.pump import EventPump
from tests.support.schema import table_definition
from tests.support.time_machine import TimeMachine, empty, items_of, put_items, time_machine
from tests.unit.devices.deletions import given_owner
from tests.unit.files.uploads import upload
from tests.unit.messages.journeys import post as post_message
from tests.unit.push.scenes import registered, someone
from tests.unit.relationships.scenes import Two, given_template, two
from tests.unit.synchronization.steps import given_caller, given_upgrade, sync
from tests.unit.tokens.scenes import given_token

STACK = "test"
LARGE = b"sealed " * 5_000
NEW = "-new"
pytestmark = pytest.mark.slow


@dataclass
class Bus:
    """Takes what the outbox publishes."""

    taken: list[dict[str, Any]]

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # boto3's name
        self.taken += Entries
        return {"Entries": [{"EventId": "1"} for _ in Entries]}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus([])
    monkeypatch.setattr(publisher, "client", lambda: bus)
    return bus


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is beside tables."""
    monkeypatch.setenv("BACKBONE_STACK", STACK)
    for name in ("failed-events", "dead-letters"):
        aws("sqs").create_queue(QueueName=f"{STACK}-{name}")
    monkeypatch.setattr(dead_letters, "_LOOK_SECONDS", 0)
    versioning = {"Status": "Enabled"}
    payloads.client().put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=versioning)


@pytest.fixture
def machine(moto: None, deployed: None, bus: Bus) -> Iterator[TimeMachine]:
    """A Backbone in moto whose tables can be restored."""
    with time_machine() as machine:
        yield machine


@pytest.fixture
def streaming(dynamodb_local_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fresh tables with streams in DynamoDB Local."""
    with mock_aws():
        prepare_environment(monkeypatch, dynamodb_local_endpoint, with_streams=True)
        yield
    forget_environment()


def close(monkeypatch: pytest.MonkeyPatch, *, seconds: int = 120) -> None:
    """As a deployment with MaintenanceSeconds."""
    monkeypatch.setenv("BACKBONE_MAINTENANCE_SECONDS", str(seconds))
    forget_environment()


def switch(monkeypatch: pytest.MonkeyPatch, *services: str, with_stream: bool = False) -> None:
    """As a deployment with another suffix: new, empty tables, which the functions use from now on."""
    for service in services:
        name = f"{tables_in_use()[service]}{NEW}"
        client().create_table(**table_definition(service, name, with_stream=with_stream))
        monkeypatch.setenv(f"BACKBONE_{service.upper()}_TABLE", name)
    forget_environment()


def restore(at: datetime | None = None, *options: str) -> Outcome:
    """The command."""
    point = ["--at", at.strftime("%Y-%m-%dT%H:%M:%SZ")] if at else []
    return backbone("restore", "run", *point, "--yes", *options)


def without_events(items: list[dict[str, Any]]) -> list[str]:
    """Items as they are to be restored, in an order of their own."""
    kept = [{name: _sorted(value) for name, value in item.items() if name != ATTRIBUTE} for item in items]
    return sorted(json.dumps(item, sort_keys=True, default=bytes.hex) for item in kept)


def _sorted(value: dict[str, Any]) -> dict[str, Any]:
    return {kind: sorted(content) if kind == "SS" else content for kind, content in value.items()}


def objects() -> dict[str, bytes]:
    """The current payloads."""
    listing = payloads.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])
    bodies = {entry["Key"]: payloads.client().get_object(Bucket=BUCKET, Key=entry["Key"]) for entry in listing}
    return {key: body["Body"].read() for key, body in bodies.items() if not key.startswith(plans.PREFIX)}


def records_of(table: str) -> list[dict[str, Any]]:
    """The stream of a table from its beginning, as Lambda hands it over."""
    stream = client().describe_table(TableName=table)["Table"].get("LatestStreamArn")
    if stream is None:
        return []
    streams: Any = boto3.client("dynamodbstreams", endpoint_url=client().meta.endpoint_url)
    found: list[dict[str, Any]] = []
    for shard in streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
        place = {"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        position = streams.get_shard_iterator(**place)["ShardIterator"]
        while records := streams.get_records(ShardIterator=position)["Records"]:
            found += records
            last = {"SequenceNumber": records[-1]["dynamodb"]["SequenceNumber"]}
            after = {**place, **last, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
            position = streams.get_shard_iterator(**after)["ShardIterator"]
    return [{**_plain(record), "eventSourceARN": stream} for record in found]


def _plain(value: Any) -> Any:
    """As in Lambda's JSON: bytes as base64, times as seconds."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
        case dict():
            return {name: _plain(element) for name, element in value.items()}
        case list():
            return [_plain(element) for element in value]
        case _:
            return value


# The rehearsal --------------------------------------------------------------------------------------------------------


@dataclass
class Filled:
    """Something in every table, and payloads in the bucket."""

    api: InProcessApi
    pair: Two
    message_id: str
    file_id: str
    token_id: str

    @classmethod
    def by_all_services(cls, api: InProcessApi) -> "Filled":
        """As requests and events fill them."""
        large = to_base64url(LARGE)
        owner = given_owner()
        pair = two(api, "Active")
        given_tier_quota(Metric.NUMBER_OF_FILES, 5)
        given_individual_quota(owner.address, Metric.NUMBER_OF_TOKENS, 5)
        given_announcement()
        registered(someone())
        assert api.post("/api/v2/Challenges", caller=owner).status == 201
        given_template(api, owner, content=large)
        modification = {"objectIdentifier": "o", "collection": "c", "type": "Create", "datawalletVersion": 1}
        given_upgrade(api, owner, modifications=[{**modification, "encryptedPayload": large}])
        given_upgrade(api, pair.to)
        return cls(
            api,
            pair,
            post_message(api, pair.from_, pair.to, body=large).result["id"],
            upload(api, owner, LARGE)["id"],
            given_token(api, owner, content=large, expiresAt="2999-01-01T00:00:00Z"),
        )

    def check(self) -> None:
        """Everybody finds what was there."""
        message = self.api.get(f"/api/v2/Messages/{self.message_id}", caller=self.pair.to).result
        assert message["body"] == to_base64url(LARGE)
        assert self.api.get(f"/api/v2/Files/{self.file_id}", caller=self.pair.to).content == LARGE
        token = self.api.get(f"/api/v2/Tokens/{self.token_id}", caller=self.pair.to).result
        assert token["content"] == to_base64url(LARGE)
        assert "MessageReceived" in {event["type"] for event in sync(self.api, self.pair.to)}


@pytest.mark.local_dynamodb
def test_rehearsal(streaming: None, deployed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is filled, destroyed and restored; nothing of it is told or deleted once more."""
    bus, api = Bus([]), InProcessApi()
    monkeypatch.setattr(publisher, "client", lambda: bus)
    filled, pump = Filled.by_all_services(api), EventPump()
    pump.deliver()
    with time_machine() as machine:
        services = sorted(set(tables_in_use()) - {"overview"})
        at, then, payloads_then = machine.remember(), tables_in_use(), objects()
        assert {service: bool(machine.held(then[service])) for service in services} == dict.fromkeys(services, True)
        assert len(payloads_then) == 5  # a template's, a message's, a modification's, a token's, a file's

        for service in services:
            empty(then[service])
        for key in payloads_then:
            payloads.remove(key)
        post_message(api, filled.pair.from_, filled.pair.to)  # refused: nobody is there any more
        assert objects() == {}

        assert "close the Backbone: make deploy STACK=test" in restore(at).err
        close(monkeypatch)
        asked = restore().err
        for service in services:
            assert f"--allow {service.capitalize()}/Table" in asked
        assert "--parameter DevicesTableSuffix=-" in asked
        switch(monkeypatch, *services, with_stream=True)
        report = restore(None, "--json")

        assert report.code == 0, report.err
        now = tables_in_use()
        for service in services:
            assert without_events(items_of(now[service])) == without_events(machine.held(then[service])), service
            assert not any(ATTRIBUTE in item for item in items_of(now[service])), service
    assert objects() == payloads_then
    assert (report.json["payloadsBroughtBack"], report.json["payloadsMissing"]) == (5, [])

    sent_on = [entry["Detail"] for entry in bus.taken]
    assert report.json["eventsSentOn"] == len(sent_on) > 0  # all of this happened within the last minute
    records = [record for service in services for record in records_of(now[service])]
    assert len(records) == sum(table["items"] for table in report.json["tables"])
    assert outbox.stream({"Records": records}, None) == {"batchItemFailures": []}
    assert blobs.stream({"Records": records}, None) == {"batchItemFailures": []}
    assert [entry["Detail"] for entry in bus.taken] == sent_on
    assert objects() == payloads_then

    close(monkeypatch, seconds=0)
    filled.check()
    assert [name for name in client().list_tables()["TableNames"] if name.endswith("-restoring")] == []
    assert plans.kept() == []


def test_the_settings_have_to_be_those_of_a_closed_backbone_for_a_while(
    machine: TimeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/decisions/event-delivery.md: a failed event is repeated after one and two minutes."""
    at = machine.remember()
    close(monkeypatch)
    aws("ssm").put_parameter(Name=f"/{STACK}/settings", Value="{}", Type="String")

    assert "events may still be on their way" in restore(at).err

    later = clock.now() + command.SETTLING
    monkeypatch.setattr(clock, "now", lambda: later)
    assert "let the stack have new tables" in restore(at).err


def given_failed_event(queue: str, number: int, time: datetime) -> None:
    """An event that a consumer could not handle."""
    detail = {"id": f"MSG{number}/Created", "name": "MessageCreated", "time": clock.render(time), "payload": {}}
    function = f"arn:aws:lambda:{REGION}:1:function:{STACK}-messages-consumer"
    body = {"requestContext": {"functionArn": function}, "requestPayload": {"detail": detail}}
    url = aws("sqs").get_queue_url(QueueName=f"{STACK}-{queue}")["QueueUrl"]
    aws("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(body))


def given_letter_of_a_stream(number: int, time: datetime) -> None:
    """A change that the outbox could not follow."""
    change = {"SequenceNumber": str(number), "ApproximateCreationDateTime": time.timestamp()}
    record = {"dynamodb": change, "eventSourceARN": "arn:aws:dynamodb:x:1:table/test-files/stream/y"}
    stream_letters.keep(record, function_arn=f"arn:aws:lambda:x:1:function:{STACK}-outbox", condition="x", now=time)


def remaining(queue: str) -> list[str]:
    """The ids of the events in a queue, whether anybody has looked at them just now or not."""
    kept = sqs_backends[MOTO_ACCOUNT][REGION].queues[f"{STACK}-{queue}"]._messages
    return [json.loads(message.body)["requestPayload"]["detail"]["id"] for message in kept]


@pytest.mark.usefixtures("machine")
def test_events_about_what_is_not_there_any_more_are_discarded_and_older_ones_stay() -> None:
    at = clock.now()
    for number, time in enumerate((at - timedelta(days=1), at + timedelta(seconds=1))):
        given_failed_event("failed-events", number, time)
        given_failed_event("dead-letters", number, time)
        given_letter_of_a_stream(number, time)

    assert void_events.discard(STACK, at) == 3
    assert void_events.discard(STACK, at) == 0

    assert remaining("failed-events") == remaining("dead-letters") == ["MSG0/Created"]
    (letter,) = stored_letters()
    (record,) = stream_letters.records_of(letter.body) or []
    assert record["dynamodb"]["SequenceNumber"] == "0"


# Going on where another run stopped -----------------------------------------------------------------------------------


def given_files(api: InProcessApi, number: int) -> list[dict[str, Any]]:
    """Files of somebody."""
    owner = given_caller()
    return [upload(api, owner, f"content {n}".encode()) for n in range(number)]


def test_a_run_that_dies_is_gone_on_with_by_the_same_command(
    api: InProcessApi, machine: TimeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_SAVE_EVERY_SECONDS", 0)
    given_files(api, 30)
    at, source, then = machine.remember(), settings().files_table, objects()
    close(monkeypatch)
    restore(at, "--table", "files")
    switch(monkeypatch, "files")
    payloads.remove(next(iter(then)))

    calls = 0
    while died(calls, lambda: command.run(None, None, yes=True)):
        forget_environment()
        calls += 3
        assert calls < 400
        assert machine.restored == [f"{source}-restoring"]

    assert calls > 20
    assert without_events(items_of(settings().files_table)) == without_events(machine.held(source))
    assert objects() == then
    assert plans.load() is None


def test_one_table_comes_back_without_any_event_and_the_others_stay(
    api: InProcessApi, machine: TimeMachine, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_files(api, 3)
    not_asked_for = set(tables_in_use()) - {"files", "overview"}
    others = {service: items_of(tables_in_use()[service]) for service in not_asked_for}
    at = machine.remember()
    close(monkeypatch)
    restore(at, "--table", "files")
    switch(monkeypatch, "files")

    report = restore(None, "--json").json

    assert [table["items"] for table in report["tables"]] == [3]
    assert (report["eventsSentOn"], bus.taken) == (0, [])
    assert {service: items_of(tables_in_use()[service]) for service in others} == others


def raised_earlier(file_id: str, by: timedelta) -> None:
    """The last write of a file was so much earlier."""
    table = Table(settings().files_table)
    item = table.get({"pk": file_id})
    assert item is not None
    (form,) = json.loads(item[ATTRIBUTE])
    form["time"] = clock.render(clock.parse(form["time"]) - by)
    table.put({**item, ATTRIBUTE: json.dumps([form])})


def test_another_point_in_time_can_be_tried_from_the_tables_that_were_replaced(
    api: InProcessApi, machine: TimeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = settings().files_table
    monkeypatch.setenv("BACKBONE_STACK", "filesx")
    for name in ("failed-events", "dead-letters"):
        aws("sqs").create_queue(QueueName=f"filesx-{name}")
    given_files(api, 2)
    at = machine.remember()
    retained = f"filesx-files{source.removeprefix('files')}"
    machine.retain(source, retained)
    put_items(source, [{"pk": {"S": "FILnew"}}])
    close(monkeypatch)
    restore(at, "--table", "files", "--source-suffix", source.removeprefix("files"))
    assert "let the stack have new tables" in restore().err
    switch(monkeypatch, "files")

    assert restore().code == 0

    assert without_events(items_of(settings().files_table)) == without_events(machine.held(retained))
    assert len(items_of(source)) == 3  # what was in use stays as it is


def test_events_on_their_way_are_sent_on_but_old_ones_are_not(
    api: InProcessApi, machine: TimeMachine, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, fresh = given_files(api, 2)
    raised_earlier(old["id"], timedelta(hours=2))
    at = machine.remember()
    close(monkeypatch)
    restore(at)
    switch(monkeypatch, *(set(tables_in_use()) - {"overview"}))

    assert restore().code == 0

    told = [json.loads(entry["Detail"])["id"] for entry in bus.taken]
    assert f"{fresh['id']}/Created" in told
    assert f"{old['id']}/Created" not in told


def test_after_a_month_nothing_is_sent_on_because_nobody_could_tell_a_repeat(
    api: InProcessApi, machine: TimeMachine, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_files(api, 1)
    at = machine.remember()
    close(monkeypatch)
    restore(at)
    switch(monkeypatch, *(set(tables_in_use()) - {"overview"}))
    later = clock.now() + timedelta(days=30)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert restore(None, "--json").json["eventsSentOn"] == 0
    assert bus.taken == []


@pytest.mark.parametrize("code", ["TableAlreadyExistsException", "TableInUseException", "LimitExceededException"])
def test_a_temporary_table_that_is_there_or_on_its_way_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    class Client:
        def restore_table_to_point_in_time(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": code}}, "RestoreTableToPointInTime")

    monkeypatch.setattr(tables, "client", Client)
    refused = pytest.raises(ClientError) if code == "LimitExceededException" else contextlib.nullcontext()

    with refused:
        tables.start(plans.TablePlan(service="files", source="f", replaced="f", restoring="f-restoring"), clock.now())


# What is refused ------------------------------------------------------------------------------------------------------


def test_nothing_is_begun_without_a_point_in_time_that_tables_can_be_restored_to(machine: TimeMachine) -> None:
    machine.remember()

    assert "name the point in time: --at" in restore().err
    assert "can be restored to any second between" in restore(machine.at + timedelta(days=1)).err
    assert "there is no table 'rooms'" in restore(machine.at, "--table", "rooms").err
    assert "backbone overview rebuild" in restore(machine.at, "--table", "overview").err
    assert machine.restored == []


def test_the_operator_is_asked_after_hearing_what_it_costs(machine: TimeMachine) -> None:
    at = machine.remember().strftime("%Y-%m-%dT%H:%M:%SZ")

    outcome = backbone("restore", "run", "--at", at, answers="n\n")

    assert (outcome.code, machine.restored) == (1, [])
    assert "In all about 0.00 USD" in outcome.err
    assert "What was written since then will be gone" in outcome.err


def test_another_point_in_time_has_to_wait_until_the_first_is_done_or_given_up(machine: TimeMachine) -> None:
    at = machine.remember()
    restore(at)

    assert "end it by: backbone restore abandon" in restore(at - timedelta(days=1)).err
    assert len(backbone("restore", "status", "--json").json["tables"]) == 10
    assert backbone("restore", "abandon", "--yes").code == 0
    assert backbone("restore", "abandon", "--yes").code == 1
    assert [name for name in client().list_tables()["TableNames"] if name.endswith("-restoring")] == []
    assert backbone("restore", "status").err == "No restore is under way.\n"


def test_tables_that_somebody_has_written_into_are_not_written_over(
    api: InProcessApi, machine: TimeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_files(api, 1)
    at = machine.remember()
    close(monkeypatch)
    restore(at, "--table", "files")
    switch(monkeypatch, "files")
    put_items(settings().files_table, [{"pk": {"S": "FILx"}}])

    assert "is not empty" in restore().err


def test_a_copy_that_is_not_what_was_copied_is_told(
    api: InProcessApi, machine: TimeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_files(api, 2)
    at = machine.remember()
    close(monkeypatch)
    restore(at, "--table", "files")
    switch(monkeypatch, "files")
    put = copying._put
    monkeypatch.setattr(copying, "_put", lambda table, items: put(table, items[1:]))

    outcome = restore()

    assert outcome.code == 1
    assert "does not hold what was copied" in outcome.err


# Payloads -------------------------------------------------------------------------------------------------------------

KEY = "files/FIL1/content"


def given_versions(*contents: tuple[bytes | None, timedelta]) -> datetime:
    """Versions of an object and (None) delete markers, so long before or after a point in time, which is given back."""
    at = clock.now().replace(microsecond=0) - timedelta(hours=5)  # moto finds out which is the latest by its time
    for content, _ in contents:
        if content is None:
            payloads.remove(KEY)
        else:
            payloads.client().put_object(Bucket=BUCKET, Key=KEY, Body=content, Tagging=payloads.PENDING)
    kept = s3_backends[MOTO_ACCOUNT]["aws"].buckets[BUCKET].keys.getlist(KEY)
    for version, (_, when) in zip(kept, contents, strict=True):
        version.last_modified = (at + when).replace(tzinfo=None)  # moto's times are UTC, unsaid
    return at


BEFORE, AFTER = -timedelta(hours=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("contents", "done", "now"),
    [
        ([(b"v1", BEFORE)], False, b"v1"),
        ([(b"v1", BEFORE), (None, AFTER)], True, b"v1"),
        ([(b"v1", BEFORE), (b"v2", AFTER)], True, b"v1"),
        ([(b"v0", 2 * BEFORE), (b"v1", BEFORE), (None, AFTER), (b"v2", 2 * AFTER)], True, b"v1"),
        ([(b"v1", BEFORE), (b"v1", AFTER)], False, b"v1"),
    ],
)
@pytest.mark.usefixtures("machine")
def test_the_version_of_then_is_the_current_one_again(
    contents: list[tuple[bytes | None, timedelta]], done: bool, now: bytes
) -> None:
    at = given_versions(*contents)

    with Versions(["files/"], at) as versions:
        assert versions.bring_back(KEY) is done
        assert versions.bring_back(KEY) is False
    with Versions(["files/"], at) as versions:
        assert versions.bring_back(KEY) is False  # the command may be repeated

    assert objects() == {KEY: now}
    tags = payloads.client().get_object_tagging(Bucket=BUCKET, Key=KEY)["TagSet"]
    assert (tags == []) is done  # what is pending would be removed


def test_a_payload_without_any_version_is_told_at_the_end(
    api: InProcessApi, machine: TimeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = given_files(api, 1)
    at = machine.remember()
    s3_backends[MOTO_ACCOUNT]["aws"].buckets[BUCKET].keys.clear()
    close(monkeypatch)
    restore(at, "--table", "files")
    switch(monkeypatch, "files")

    outcome = restore(None)

    assert outcome.code == 1
    assert "1 payloads have no version in the bucket any more" in outcome.err
    assert file["id"] in outcome.out
    assert len(items_of(settings().files_table)) == 1


# Cost -----------------------------------------------------------------------------------------------------------------


def test_the_estimate_counts_every_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/decisions/restoring.md: 1,000 million items of 1.5 KB with one index of small entries."""
    million, gigabyte = 10**6, 10**9

    class Client:
        def describe_table(self, **_: str) -> dict[str, Any]:
            index = {"ItemCount": 1000 * million, "IndexSizeBytes": 100 * gigabyte}
            sizes = {"TableSizeBytes": 1500 * gigabyte, "ItemCount": 1000 * million}
            return {"Table": {**sizes, "GlobalSecondaryIndexes": [index]}}

    monkeypatch.setattr(tables, "client", Client)

    found = tables.estimate(plans.TablePlan(service="files", source="f", replaced="f", restoring="f-restoring"))

    writes, reads = 3000 * million * 0.625e-6, 2 * 1500 * gigabyte / 8192 * 0.125e-6
    assert found.usd == pytest.approx(1500 * (0.15 + 0.25 / 30) + writes + reads, abs=0.01)
