"""Where the key sets are kept: two SSM parameters under the stack's prefix."""

from typing import Any

import boto3

from backbone.access_tokens import PRIVATE, PUBLIC
from backbone.settings import settings
from functions.keys.domain import KeySets


class KeySetStore:
    """`<prefix>/private` (SecureString) and `<prefix>/public` (String)."""

    def __init__(self) -> None:
        self._ssm: Any = boto3.client("ssm")

    def private(self) -> str | None:
        """The private set; None before the first key."""
        try:
            return self._value(PRIVATE)
        except self._ssm.exceptions.ParameterNotFound:
            return None

    def public(self) -> str:
        """The public set.  Raises `ParameterNotFound` before the first key."""
        return self._value(PUBLIC)

    def save(self, sets: KeySets) -> None:
        """Publish first, sign later: nobody may meet a token before its key."""
        self._ssm.put_parameter(Name=self._name(PUBLIC), Value=sets.public, Type="String", Overwrite=True)
        self._ssm.put_parameter(Name=self._name(PRIVATE), Value=sets.private, Type="SecureString", Overwrite=True)

    def remove(self) -> None:
        """Forget both sets, when the stack goes."""
        self._ssm.delete_parameters(Names=[self._name(PRIVATE), self._name(PUBLIC)])

    def _value(self, kind: str) -> str:
        answer = self._ssm.get_parameter(Name=self._name(kind), WithDecryption=kind == PRIVATE)
        return str(answer["Parameter"]["Value"])

    @staticmethod
    def _name(kind: str) -> str:
        return f"{settings().token_keys}/{kind}"
