"""The way of events in a test on moto: from the items of all tables to every consumer that wants them."""

import importlib
import os
from collections.abc import Iterator

from backbone.consumers import Consumers
from backbone.dynamodb import client, decode
from backbone.events import EventEnvelope, carried_by
from tests.support.pump import CONSUMERS


class Bus:
    """Hands over what is told and has not been handed over, until nothing new is told."""

    def __init__(self) -> None:
        modules = [importlib.import_module(f"functions.{file.parent.name}.{file.stem}") for file in CONSUMERS]
        found = [value for module in modules for value in vars(module).values() if isinstance(value, Consumers)]
        self._consumers = list({id(each): each for each in found}.values())
        self._delivered: set[str] = set()

    def deliver(self) -> list[str]:
        """The names of the events, in the order of their times."""
        names: list[str] = []
        while fresh := sorted(self._told(), key=lambda event: event.time):
            for event in fresh:
                self._delivered.add(event.id)
                names.append(event.name)
                for consumers in self._consumers:
                    if event.name in consumers.reactions:
                        consumers.handle(event)
        return names

    def _told(self) -> Iterator[EventEnvelope]:
        tables = [name for variable, name in os.environ.items() if variable.endswith("_TABLE")]
        for table in tables:
            for item in client().scan(TableName=table)["Items"]:
                for event in carried_by(decode(item)):
                    if event.id not in self._delivered:
                        yield event
