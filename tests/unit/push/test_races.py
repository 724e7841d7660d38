"""Races, on DynamoDB Local."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from backbone import clock
from backbone.events import EventEnvelope
from backbone.events.tokens import TokenLocked
from backbone.ids import TokenId
from functions.push import api as push_api
from functions.push.consumers import consumers
from functions.push.models import RegisterIn
from functions.push.sending_store import SendingInProgress
from tests.support.api import new_caller
from tests.unit.push.provider import Provider
from tests.unit.push.scenes import again, caller_of, of_device, registered, registrations, someone

pytestmark = [pytest.mark.local_dynamodb, pytest.mark.slow]


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """What comes of actions at the same time: what they return, or their exception."""
    barrier, outcomes = threading.Barrier(len(actions)), list[Any]()

    def run(action: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            outcomes.append(action())
        except Exception as problem:
            outcomes.append(problem)

    threads = [threading.Thread(target=run, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_first_registrations_at_the_same_time_agree_on_one_identifier(local_dynamodb: None) -> None:
    """devices.md §11: Concurrent first registrations of one device: both answer 200 (the loser's identifier is not
    stored)"""
    caller = new_caller()
    bodies = [
        RegisterIn.model_validate({"platform": platform, "handle": "0123456789", "appId": "org.example.app"})
        for platform in ("dummy", "sse", "fcm", "apns") * 2
    ]

    outcomes = at_once(*(partial(push_api.register_for_push, body, caller) for body in bodies))

    stored = of_device(caller)
    assert stored is not None
    assert {outcome.device_push_identifier for outcome in outcomes} == {stored.device_push_identifier}


def test_an_event_that_is_delivered_many_times_at_once_is_pushed_once(local_dynamodb: None, sns: Provider) -> None:
    """docs/events.md: every event handled at least once, effects once"""
    identity = someone()
    registered(identity)
    envelope = EventEnvelope.of(TokenLocked(token_id=TokenId.new(), created_by=identity.address), clock.now())

    outcomes = at_once(*[partial(consumers.handle, envelope)] * 6)

    assert len(sns.pushed) == 1
    assert set(map(type, outcomes)) <= {type(None), SendingInProgress}
    consumers.handle(envelope)
    assert len(sns.pushed) == 1


def test_a_device_that_registers_while_it_is_forgotten_is_registered(local_dynamodb: None) -> None:
    """devices.md §12.1 (4): the registration that was invalid goes, never a newer one."""
    for _ in range(12):
        device = registered(someone())
        later = device.registered_at + timedelta(milliseconds=1)
        register = partial(registrations.register, caller_of(device), device.registration, now=later)

        outcomes = at_once(partial(registrations.forget, device), register)

        assert not [each for each in outcomes if isinstance(each, Exception)]
        renewed = again(device)
        assert renewed is not None
        assert renewed.registered_at == later


def test_unregistering_while_registering_ends_in_one_of_both(local_dynamodb: None) -> None:
    for _ in range(8):
        device = registered(someone())
        register = partial(registrations.register, caller_of(device), device.registration, now=clock.now())

        outcomes = at_once(partial(registrations.unregister, caller_of(device)), register)

        assert not [each for each in outcomes if isinstance(each, Exception)]
        left = again(device)
        assert left is None or left.registration == device.registration
