"""An account: one device of an identity, with everything it keeps and can do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from enmeshed.backbone import Backbone
from enmeshed.challenges import Challenges
from enmeshed.datawallet import Datawallet
from enmeshed.deletion import Deletion
from enmeshed.devices import COLLECTION as DEVICES
from enmeshed.devices import Devices, change_password, new_device, signs_of_life
from enmeshed.errors import (
    BackboneError,
    PreconditionError,
    ProtocolError,
    StorageError,
)
from enmeshed.events import Event, Events, ExternalEvents
from enmeshed.files import Files
from enmeshed.http import Connection, Credentials
from enmeshed.listening import EXTERNAL_EVENT, MODIFICATIONS, OPENED, server_sent_events
from enmeshed.messages import Messages
from enmeshed.news import Announcements, FeatureFlags, Notifications, PushRegistration, Quotas, Tags
from enmeshed.objects import Objects
from enmeshed.protocol import ids
from enmeshed.protocol.addresses import PublicIdentity, address_of
from enmeshed.protocol.challenges import sign_challenge
from enmeshed.protocol.crypto import SecretKey, SignatureKeyPair
from enmeshed.protocol.encoding import JsonObject, member
from enmeshed.protocol.onboarding import DeviceSharedSecret
from enmeshed.protocol.references import Reference
from enmeshed.protocol.tokens import CONTENT_SHARED_SECRET
from enmeshed.relationships import Relationships
from enmeshed.session import Keys, Session, load_keys
from enmeshed.storage import SqliteStorage, Storage
from enmeshed.templates import Templates
from enmeshed.tokens import Tokens, read_token

IDENTITY_VERSION = 1
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0

Place = str | os.PathLike[str] | Storage


class Account:
    """One device of an identity.

    Made by :meth:`open` or :meth:`onboard`. What it can do is grouped into collections, each an attribute:
    ``templates``, ``relationships``, ``messages``, ``files``, ``tokens``, ``devices``, ``challenges``, ``deletion``,
    ``announcements``, ``tags``, ``feature_flags``, ``notifications``, ``push``, ``quotas``; ``datawallet`` and
    ``objects`` are for layers on top of this library; ``connection`` for requests it does not make by itself.

    All methods are synchronous. Several threads may use an account; of several calls of :meth:`sync` one waits for the
    other. Local changes reach the identity's other devices with the next :meth:`sync`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.tokens = Tokens(session)
        self.templates = Templates(session, self.tokens)
        self.relationships = Relationships(session, self.templates)
        self.files = Files(session, self.tokens)
        self.messages = Messages(session, self.relationships, self.files)
        self.devices = Devices(session, self.tokens)
        self.challenges = Challenges(session, self.relationships)
        self.deletion = Deletion(session)
        self.announcements = Announcements(session)
        self.tags = Tags(session)
        self.feature_flags = FeatureFlags(session)
        self.notifications = Notifications(session, self.relationships)
        self.push = PushRegistration(session)
        self.quotas = Quotas(session)
        self._events = ExternalEvents(
            session, self.templates, self.relationships, self.messages, self.files, self.deletion
        )

    # ------------------------------------------------------------------ opening
    @classmethod
    def open(
        cls,
        place: Place,
        backbone: Backbone,
        *,
        create: bool = False,
        key: bytes | None = None,
        device_name: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Account:
        """Open the account that is kept somewhere.

        :param place: the path of an SQLite file, or a storage
        :param backbone: where the identity lives
        :param create: register a new identity if there is none yet (§9)
        :param key: 32 bytes with which a file is encrypted
        :param device_name: what the new identity's first device is called
        :param sleep: how to wait between attempts
        :raises AccountNotFoundError: there is none, and ``create`` is not set
        :raises WrongStorageKeyError: the file is encrypted with another key
        :raises StorageError: the file cannot be used
        :raises BackboneError: ``error.transport.general.platformClientInvalid`` if client id or secret are wrong
        :raises ProtocolError: ``error.client.addressMismatch`` if the Backbone has another idea of its host name
        :raises NetworkError: no answer

        No network calls for an existing account. For a new one ``POST Challenges``, ``POST Identities``, a log-in and
        the calls that create the datawallet; interrupted after the registration, the next opening makes those.
        """
        storage, is_ours = _storage(place, key)
        try:
            if load_keys(storage) is None and create:
                _register(storage, backbone, device_name)
            session = Session.open(storage, backbone, sleep=sleep)
            _complete(session)
        except BaseException:
            if is_ours:
                storage.close()
            raise
        return cls(session)

    @classmethod
    def onboard(
        cls,
        place: Place,
        backbone: Backbone,
        secret: DeviceSharedSecret | Reference | str,
        *,
        password: str | None = None,
        key: bytes | None = None,
        device_name: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Account:
        """Become a device of an existing identity (§11.4), or recover one with a recovery kit (§11.5).

        :param place: where to keep it, as in :meth:`open`; must not hold an account
        :param secret: what :meth:`Devices.shared_secret` gave, or the reference to a token with it
        :param password: needed if the reference says so
        :param device_name: a name to replace the one given by the other device
        :raises UnreadableError: no such reference; wrong key; the token holds something else
        :raises NotFoundError: the token is gone, or the password is wrong
        :raises PreconditionError: ``…tokens.emptyToken``: nobody has filled it yet;
            ``error.transport.noPasswordProvided``
        :raises LoginRefusedError: the device was onboarded already, or deleted
        :raises StorageError: ``error.client.accountExists``

        Calls: ``GET Tokens/{id}``, log-in, ``PUT Devices/Self/Password``, the whole datawallet. Interrupted after the
        log-in, :meth:`open` goes on.
        """
        shared = secret if isinstance(secret, DeviceSharedSecret) else _read_secret(backbone, secret, password)
        storage, is_ours = _storage(place, key)
        try:
            if load_keys(storage) is not None:
                raise StorageError("error.client.accountExists", "there is an account already")
            session = Session(storage, backbone, _keys_of(shared), sleep=sleep)
            session.connection.login()
            session.keep(session.keys)
            _complete(session, device_name)
        except BaseException:
            if is_ours:
                storage.close()
            raise
        return cls(session)

    def __enter__(self) -> Account:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the storage. The Backbone stays open, since others may use it."""
        self._session.storage.close()

    # ------------------------------------------------------------------ who this is
    @property
    def address(self) -> str:
        """The identity's address, e.g. ``did:e:backbone.example.org:dids:…``."""
        return self._session.address

    @property
    def device_id(self) -> str:
        """The id of this device."""
        return self._session.device_id

    @property
    def identity(self) -> PublicIdentity:
        """Address and public key."""
        return self._session.identity

    @property
    def is_admin(self) -> bool:
        """Whether this device has the identity's private key."""
        return self._session.keys.identity_key is not None

    @property
    def connection(self) -> Connection:
        """For requests that this library does not make by itself."""
        return self._session.connection

    @property
    def datawallet(self) -> Datawallet:
        """For layers on top of this library."""
        return self._session.datawallet

    @property
    def objects(self) -> Objects:
        """For layers on top of this library: synchronised objects."""
        return self._session.objects

    @property
    def session(self) -> Session:
        """For layers on top of this library: keys, storage, secrets."""
        return self._session

    # ------------------------------------------------------------------ synchronising
    def sync(self) -> Events:
        """Fetch what happened, tell what changed here (§20.4).

        :returns: the events since the last call that returned, oldest first, including those of a call that was
            interrupted; an event that failed has an ``error_code`` and may come again
        :raises BackboneError: the Backbone refused, e.g. because another device has been syncing for 15 s
        :raises NetworkError: no answer; nothing is lost
        :raises UnreadableError: the datawallet cannot be decrypted

        Calls: ``POST SyncRuns``; with events, the sync run's and what they lead to; ``GET Datawallet``,
        ``GET Datawallet/Modifications``, ``POST Datawallet/Modifications``. While the identity is to be deleted, only
        the datawallet is synchronised.
        """
        return self._events.sync()

    def wait(self, *, seconds: float = 60.0) -> Events:
        """:meth:`sync` again and again, with pauses of up to a second, until there are events or the time is over.

        For scripts; programs that run for long use :meth:`listen`. Returns no events if none came. Errors and calls as
        in :meth:`sync`.
        """
        waited, pause = 0.0, FIRST_PAUSE_SECONDS
        while True:
            events = self.sync()
            if events or waited >= seconds:
                return events
            self._session.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE_SECONDS)

    def listen(self, *, is_stopped: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Wait for events for ever and yield them, by server-sent events (§20.5).

        Synchronises each time the connection is opened, too, because what happened in between is not repeated. Loss of
        the network leads to another attempt. ``is_stopped`` is asked after each message of the Backbone. Other errors
        as in :meth:`sync`.
        """
        names = server_sent_events(self.connection, sleep=self._session.sleep, is_stopped=is_stopped)
        for name in names:
            if name in (OPENED, EXTERNAL_EVENT, MODIFICATIONS):
                yield from self.sync()

    # ------------------------------------------------------------------ leaving
    def offboard(self) -> None:
        """Tell the other devices that this one is not used any more (§11.4). Delete its storage afterwards.

        Calls: ``DELETE Devices/Self/PushNotifications``, those of :meth:`Datawallet.sync`.
        """
        self.push.unregister()
        own = self.objects.get(DEVICES, self.device_id)
        self.objects.update(DEVICES, {**own, "isOffboarded": True})
        self.datawallet.sync()


def _storage(place: Place, key: bytes | None) -> tuple[Storage, bool]:
    """The storage at a place, and whether it was opened here."""
    if isinstance(place, str | os.PathLike):
        return SqliteStorage(Path(place), key=key), True
    if key is not None:
        raise StorageError("error.client.keyNotUsed", "a key is for files; this storage takes care of itself")
    return place, False


def _register(storage: Storage, backbone: Backbone, device_name: str | None) -> None:
    """Register a new identity with its first device (§9)."""
    identity_key, password = SignatureKeyPair.generate(), ids.device_password()
    answer = register(backbone, identity_key, password)
    address = address_of(identity_key.public, backbone.hostname)
    if answer["address"] != address:
        raise ProtocolError("error.client.addressMismatch", f"{answer['address']} instead of {address}")
    device = answer["device"]
    keys = Keys(
        identity=PublicIdentity(address, identity_key.public),
        identity_key=identity_key,
        device_id=device["id"],
        device_key=SignatureKeyPair.generate(),
        device_index=0,
        credentials=Credentials(device["username"], password),
        secret_base_key=SecretKey.generate(),
        synchronization_key=SecretKey.generate(),
    )
    with storage.transaction():
        session = Session(storage, backbone, keys)
        session.keep(keys)
        session.objects.create(DEVICES, new_device(session, device["id"], answer["createdAt"], device_name))


def register(backbone: Backbone, identity_key: SignatureKeyPair, device_password: str) -> JsonObject:
    """``POST /Identities`` with a freshly signed challenge, both anonymous (§9, steps 2–3)."""
    challenge = backbone.anonymous.post("/Challenges")
    body: JsonObject = {
        "devicePassword": device_password,
        "identityPublicKey": identity_key.public.base64(),
        "signedChallenge": sign_challenge({**challenge, "createdBy": None, "createdByDevice": None}, identity_key),
        "clientId": backbone.client_id,
        "clientSecret": backbone.client_secret,
        "identityVersion": IDENTITY_VERSION,
    }
    try:
        answer: JsonObject = backbone.anonymous.post("/Identities", body)
    except BackboneError as error:
        if error.code == "error.platform.unauthorized":
            code = "error.transport.general.platformClientInvalid"
            raise BackboneError(error.status, code, "client id or secret is wrong", error.body) from error
        raise
    return answer


def _read_secret(backbone: Backbone, reference: Reference | str, password: str | None) -> DeviceSharedSecret:
    content = read_token(backbone, reference, password=password)
    if content.get("@type") != CONTENT_SHARED_SECRET:
        raise PreconditionError("error.runtime.invalidTokenContent", str(content.get("@type")))
    return DeviceSharedSecret.parse(member(content, "sharedSecret"))


def _keys_of(secret: DeviceSharedSecret) -> Keys:
    return Keys(
        identity=secret.identity,
        identity_key=secret.identity_key,
        device_id=secret.id,
        device_key=SignatureKeyPair.generate(),
        device_index=secret.device_index,
        credentials=Credentials(secret.username, secret.password, ids.device_password()),
        secret_base_key=secret.secret_base_key,
        synchronization_key=secret.synchronization_key,
    )


def _complete(session: Session, device_name: str | None = None) -> None:
    """Do what is left to do before a new device counts as one: datawallet, password, sign of life (§9.6, §11.4)."""
    own = session.objects.find(DEVICES, session.device_id)
    if own is not None and own.get("publicKey") and session.datawallet.local_index is not None:
        return
    if session.keys.credentials.next_password is not None:
        change_password(session)
    session.datawallet.sync()
    own = session.objects.get(DEVICES, session.device_id)
    if own.get("publicKey"):
        return
    own.pop("initialPassword", None)
    name = {"name": device_name} if device_name is not None else {}
    session.objects.update(DEVICES, {**own, **name, **signs_of_life(session)})
    session.datawallet.push()
