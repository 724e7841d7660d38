"""Where users are kept, and what happens to them when somebody logs in."""

from datetime import datetime, timedelta
from typing import Any, NoReturn

from backbone import clock
from backbone.dynamodb import ConditionFailed, Table, TransactionFailed, batch_get, transact
from backbone.errors import RecordNotFound
from backbone.events import carried
from backbone.events.devices import BackupDeviceUsed
from backbone.ids import Username
from backbone.settings import settings
from functions.devices.client_store import client_key, client_of
from functions.devices.errors import ChangePasswordFailed
from functions.devices.items import identity_key, user_key, user_of
from functions.devices.log_in import InvalidGrant, User
from functions.devices.oauth_clients import Client

_MAY_LOG_IN = (
    "#passwordHash = :hash"
    " AND (attribute_not_exists(#lockedUntil) OR #lockedUntil <= :now)"
    " AND (attribute_not_exists(#deletionGracePeriodEndsAt) OR #deletionGracePeriodEndsAt > :now)"
)
_LOG_IN = "SET #lastLogInAt = :now, #failedLogIns = :zero REMOVE #lockedUntil"


class UserStore:
    """Users in table `devices`: pk = `USER#<username in upper case>`, sk = `U`.

    The user holds all that a log-in changes, so that it is one conditional write: nobody logs in with a password that
    has been changed, a device that has been deleted or a user that has been locked in the meantime.
    """

    @property
    def _table(self) -> Table:
        return Table(settings().devices_table)

    def before_log_in(self, client_id: str | None, log_in_name: str | None) -> tuple[Client | None, User | None]:
        """1 round trip (1 RCU for each that is asked for)."""
        key = client_key(client_id) if client_id else None
        client, user = batch_get(
            (self._table, key) if key else None,
            (self._table, user_key(log_in_name)) if log_in_name else None,
        )
        return client_of(client), user_of(user) if user else None

    def find_user(self, username: Username) -> User | None:
        """1 read (1 RCU).  The name counts exactly, unlike at log-in."""
        item = self._table.get(user_key(username))
        return user_of(item) if item and item["username"] == username else None

    def log_in(self, user: User, *, now: datetime) -> None:
        """1 write (1 WCU); the first log-in of a backup device: 1 transaction (4 WCU).

        Raises `InvalidGrant` or `AccessDenied` when the user was deleted, got another password or was locked since it
        was read.  Log-ins in parallel all succeed.
        """
        values = {"now": clock.render(now), "zero": 0, "hash": user.password_hash}
        if user.is_backup_device and self._use_backup_device(user, values, now):
            return
        try:
            self._table.update(user_key(user.username), _LOG_IN, values, condition=_MAY_LOG_IN)
        except ConditionFailed as lost:
            if lost.item is not None:
                user_of(lost.item).check_allowed(now)
            raise InvalidGrant from None

    def _use_backup_device(self, user: User, values: dict[str, Any], now: datetime) -> bool:
        used = BackupDeviceUsed(identity_address=user.address, device_id=user.device_id)
        user_is_backup = f"{_MAY_LOG_IN} AND #isBackupDevice = :true"
        event = {"device": user.device_id, "events": carried([used], now)}
        try:
            transact(
                [
                    self._table.updating(
                        user_key(user.username),
                        f"{_LOG_IN}, #isBackupDevice",
                        {**values, "true": True},
                        condition=user_is_backup,
                    ),
                    self._table.updating(
                        identity_key(user.address),
                        "SET #events = :events REMOVE #backupDeviceId",
                        event,
                        condition="#backupDeviceId = :device",
                    ),
                ]
            )
        except TransactionFailed:
            return False  # a log-in in parallel has done it, or nobody may log in: an ordinary log-in finds out
        return True

    def add_failed_log_in(self, user: User, *, now: datetime, lockout: timedelta) -> NoReturn:
        """1 write (1 WCU), repeated when another attempt was counted at the same time.

        Always raises: `InvalidGrant`, or `AccessDenied` when this or another attempt has locked the user.
        """
        unchanged = (
            "#failedLogIns = :failed AND (attribute_not_exists(#lockedUntil) OR #lockedUntil <= :now)"
            " AND attribute_exists(pk)"
        )
        while True:
            after = user.after_wrong_password(now, lockout)
            expression = "SET #failedLogIns = :new REMOVE #lockedUntil"
            values = {"failed": user.failed_log_ins, "now": clock.render(now), "new": after.failed_log_ins}
            if after.locked_until:
                expression = "SET #failedLogIns = :new, #lockedUntil = :until"
                values["until"] = clock.render(after.locked_until)
            try:
                self._table.update(user_key(user.username), expression, values, condition=unchanged)
                break
            except ConditionFailed as lost:
                if lost.item is None:
                    raise InvalidGrant from None
                user = user_of(lost.item)
                user.check_allowed(now)
        after.check_allowed(now)
        raise InvalidGrant

    def miss(self, log_in_name: str) -> None:
        """1 write that fails (1 WCU): an unknown user shall take as long as a wrong password."""
        try:
            self._table.update(
                user_key(log_in_name), "ADD #failedLogIns :nothing", {"nothing": 0}, condition="attribute_exists(pk)"
            )
        except ConditionFailed:
            return

    def change_password(self, user: User, new_hash: str) -> None:
        """1 write (1 WCU).

        Raises `ChangePasswordFailed` when the password was changed since `user` was read, `RecordNotFound` when the
        user is gone.
        """
        values = {"new": new_hash, "old": user.password_hash}
        try:
            self._table.update(
                user_key(user.username), "SET #passwordHash = :new", values, condition="#passwordHash = :old"
            )
        except ConditionFailed as lost:
            raise (ChangePasswordFailed() if lost.item else RecordNotFound("Device")) from None
