"""Where the keys of the Admin API are kept: one SSM parameter, of which functions read hashes only."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import boto3

from backbone import admin_keys
from backbone.admin_keys import ApiKey
from backbone.settings import settings

Keys = tuple[ApiKey, ...]


class ChangedMeanwhile(Exception):
    """Two operators changed the keys at the same time, and one change is lost."""


@lru_cache(maxsize=1)
def _client() -> Any:
    return boto3.client("ssm")


class ApiKeyStore:
    """The parameter `/<stack>/admin-keys`: a JSON list; it does not exist before the first key."""

    def __init__(self) -> None:
        self._ssm = _client()

    def all(self) -> Keys:
        """All keys, oldest first: 1 call."""
        return self._read()[0]

    def change(self, change: Callable[[Keys], Keys]) -> None:
        """Replace the keys by what `change` makes of them: 2 calls.

        Parameters know no conditions, but they count their versions: raises `ChangedMeanwhile` if another change came
        between reading and writing, which the list then no longer holds.  A call that the SDK repeated because its
        answer got lost finds itself there; 1 call more tells.
        """
        keys, version = self._read()
        value = admin_keys.dump(change(keys))
        # The first one is never written over another first one.
        options = {"Overwrite": True} if version else {}
        try:
            answer = self._ssm.put_parameter(Name=settings().admin_keys, Value=value, Type="String", **options)
        except self._ssm.exceptions.ParameterAlreadyExists:
            answer = {"Version": None}
        if answer["Version"] != version + 1 and self._value_of(version + 1) != value:
            raise ChangedMeanwhile

    def _value_of(self, version: int) -> str:
        value: str = self._ssm.get_parameter(Name=f"{settings().admin_keys}:{version}")["Parameter"]["Value"]
        return value

    def _read(self) -> tuple[Keys, int]:
        try:
            parameter = self._ssm.get_parameter(Name=settings().admin_keys)["Parameter"]
        except self._ssm.exceptions.ParameterNotFound:
            return (), 0
        return admin_keys.load(parameter["Value"]), parameter["Version"]
