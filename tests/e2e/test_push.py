"""Push notifications on the deployed system: what SNS is given, with the rights of the roles."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import httpx

from infra.local.stack import CLIENT_ID, CLIENT_SECRET, LocalStack
from tests.e2e.conftest import eventually, relate
from tests.e2e.test_official_client import SCRIPTS, TIMEOUT_SECONDS
from tests.e2e.test_tags_and_announcements import announce
from tests.people import Identity

NewIdentity = Callable[[], Identity]
PATH = "/Devices/Self/PushNotifications"
APP = "org.example.app"


def given_to_sns(stack: LocalStack, handle: str) -> list[dict[str, Any]]:
    """The messages for a phone, as its provider would get them."""
    kept = httpx.get(f"{stack.emulator.endpoint}/_ministack/sns/sms-messages").json()["sms_messages"]
    messages = [json.loads(each["Message"]) for log in kept.values() for each in log if each["Token"] == handle]
    return [json.loads(message.get("GCM") or message.get("APNS_SANDBOX") or message["APNS"]) for message in messages]


def contents(stack: LocalStack, handle: str) -> list[dict[str, Any]]:
    """The content objects for a phone of FCM."""
    return [json.loads(each["fcmV1Message"]["message"]["data"]["content"]) for each in given_to_sns(stack, handle)]


def endpoints(stack: LocalStack) -> dict[str, str]:
    """What the push table knows of endpoints, by handle."""
    items = stack.client("dynamodb").scan(TableName=stack.environment()["BACKBONE_PUSH_TABLE"])["Items"]
    return {item["handle"]["S"]: item["endpointArn"]["S"] for item in items if "endpointArn" in item}


def register(identity: Identity, handle: str, platform: str = "fcm") -> None:
    identity.device.connection.put(PATH, json={"platform": platform, "handle": handle, "appId": APP})


def events(stack: LocalStack, handle: str) -> list[str]:
    return [content["eventName"] for content in contents(stack, handle)]


def test_official_clients_register_and_are_notified(stack: LocalStack) -> None:
    """devices.md §16: Datawallet push goes to all devices but the modifying one"""
    outcome = subprocess.run(
        ["node", "push.cjs", stack.base_url, CLIENT_ID, CLIENT_SECRET, stack.emulator.endpoint],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )

    assert outcome.returncode == 0, f"{outcome.stdout}\n{outcome.stderr}"
    assert outcome.stdout.splitlines()[-1].endswith("done")


def test_a_test_notification_reaches_sns(stack: LocalStack, new_identity: NewIdentity) -> None:
    """devices.md §16: SendTestNotification with an object -> 204; §11: Sends push `Test` to all own devices"""
    alice = new_identity()
    register(alice, "the phone of a test")

    alice.device.connection.post(f"{PATH}/SendTestNotification", json={"some": ["thing"]})

    (content,) = eventually("the test", lambda: contents(stack, "the phone of a test"))
    assert (content["accRef"], content["payload"]) == (alice.address, {"data": {"some": ["thing"]}})


def test_endpoints_come_and_go_with_registrations(stack: LocalStack, new_identity: NewIdentity) -> None:
    alice, sns = new_identity(), stack.client("sns")
    handles = [f"phone {number} of Alice" for number in range(2)]
    seen = []
    for handle in handles:
        register(alice, handle)
        alice.device.connection.post(f"{PATH}/SendTestNotification", json={})
        seen.append(eventually("the endpoint", lambda handle=handle: endpoints(stack).get(handle)))

    def is_gone(endpoint_arn: str) -> bool:
        try:
            sns.get_endpoint_attributes(EndpointArn=endpoint_arn)
        except sns.exceptions.NotFoundException:
            return True
        return False

    eventually("the removal of the replaced one", lambda: is_gone(seen[0]))
    assert not is_gone(seen[1])
    alice.device.connection.delete(PATH)
    eventually("the removal of the other one", lambda: is_gone(seen[1]))


def test_an_invalid_handle_ends_the_registration(stack: LocalStack, new_identity: NewIdentity) -> None:
    """events.md §10: invalid push handle -> registration deleted"""
    alice, bob = new_identity(), new_identity()
    register(alice, "a phone that is sold")
    relate(alice, bob)
    endpoint_arn = eventually("a push", lambda: endpoints(stack).get("a phone that is sold"))
    stack.client("sns").set_endpoint_attributes(EndpointArn=endpoint_arn, Attributes={"Enabled": "false"})
    before = len(given_to_sns(stack, "a phone that is sold"))

    bob.device.messages.send([alice.address], {"text": "hello"})

    eventually("the end of the registration", lambda: "a phone that is sold" not in endpoints(stack))
    assert len(given_to_sns(stack, "a phone that is sold")) == before


def test_an_announcement_reaches_everybody_once(stack: LocalStack, new_identity: NewIdentity) -> None:
    """events.md §10: silent announcement -> no push; with recipients -> only their devices; without -> all devices"""
    alice, bob = new_identity(), new_identity()
    register(alice, "a phone with two accounts")
    register(bob, "a phone with two accounts")
    carol = new_identity()
    register(carol, "a phone of Carol's")

    announce(stack, "--title", "en=Silence", "--body", "en=Text", "--silent")
    for_carol = announce(stack, "--title", "en=For Carol", "--body", "en=Text", "--recipient", carol.address)
    for_all = announce(stack, "--title", "en=For all", "--body", "en=Text")

    def heard(handle: str) -> list[str]:
        found = [each["payload"] for each in contents(stack, handle) if each["eventName"] == "NewAnnouncement"]
        return [payload["announcementId"] for payload in found]

    eventually("the announcements", lambda: len(heard("a phone of Carol's")) == 2)
    eventually("the announcement", lambda: heard("a phone with two accounts"))
    assert sorted(heard("a phone of Carol's")) == sorted([for_carol, for_all])
    assert heard("a phone with two accounts") == [for_all]
