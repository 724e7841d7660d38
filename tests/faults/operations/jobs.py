"""What runs by schedule, and what an operator does."""

from datetime import timedelta

from backbone import clock
from functions.devices import deletion_jobs
from functions.overview.rebuild import rebuild
from tests.faults.operations import operation
from tests.faults.operations.keeping import token, with_datawallet
from tests.faults.world import GOLD, Act, Person, World
from tests.support.builders import TIER, given_client, given_tier
from tests.support.command import backbone
from tests.unit.devices.deletions import begun, started
from tests.unit.synchronization.steps import modification, push
from tests.unit.tokens.scenes import PASSWORD, given_failed_attempts


@operation("job: reminders")
def _(world: World) -> Act:
    started(world.alice.caller, days=11)
    return lambda: deletion_jobs.remind(now=clock.now()).done


def given_due(*people: Person) -> None:
    """Their grace period has just ended."""
    for person in people:
        started(person.caller, now=clock.now() - timedelta(minutes=1))


def delete_due(after: timedelta = timedelta(0)) -> int:
    """The daily job of deletion, now or later."""
    return deletion_jobs.delete_due(now=clock.now() + after, tokens_valid_for=timedelta(0)).done


@operation("job: deletion begins")
def _(world: World) -> Act:
    given_due(world.alice)
    return delete_due


@operation("job: deletion is asked for again")
def _(world: World) -> Act:
    begun(world.alice.caller)
    return lambda: delete_due(timedelta(days=2))


def _command(*arguments: str) -> Act:
    return lambda: backbone(*arguments)


@operation("command: client create")
def _(world: World) -> Act:
    return _command("client", "create", "--client-id", "app", "--client-secret", "s", "--default-tier", "Basic")


@operation("command: client delete")
def _(world: World) -> Act:
    given_client("app")
    return _command("client", "delete", "app")


@operation("command: client change-secret")
def _(world: World) -> Act:
    given_client("app")
    return _command("client", "change-secret", "app", "--client-secret", "new")


@operation("command: tier create")
def _(world: World) -> Act:
    return _command("tier", "create", "--name", "Gold")


@operation("command: tier delete")
def _(world: World) -> Act:
    given_tier(GOLD, "Gold")
    return _command("tier", "delete", "Gold")


def _set_quota(target: str) -> list[str]:
    return ["quota", "set", target, "--metric", "NumberOfTokens", "--period", "Day", "--max", "5"]


@operation("command: quota set, of a tier")
def _(world: World) -> Act:
    return _command(*_set_quota(TIER))


@operation("command: quota set, again")
def _(world: World) -> Act:
    backbone(*_set_quota(TIER))
    return _command(*_set_quota(TIER)[:-1], "6")


@operation("command: quota set, of an identity")
def _(world: World) -> Act:
    return _command(*_set_quota(world.alice.address))


@operation("command: quota delete")
def _(world: World) -> Act:
    backbone(*_set_quota(TIER))
    listed = backbone("quota", "list", TIER, "--json").json
    return _command("quota", "delete", TIER, "--id", listed[0]["id"])


@operation("command: token reset-access-failed-count")
def _(world: World) -> Act:
    locked = token(world, world.alice, password=PASSWORD)
    given_failed_attempts(locked, 100)
    return _command("token", "reset-access-failed-count", "--id", locked)


@operation("command: announcement send")
def _(world: World) -> Act:
    return _command("announcement", "send", "--severity", "High", "--title", "en=title", "--body", "en=body")


@operation("command: announcement delete")
def _(world: World) -> Act:
    backbone("announcement", "send", "--severity", "High", "--title", "en=title", "--body", "en=body")
    listed = backbone("announcement", "list", "--json").json
    return _command("announcement", "delete", "--id", listed[0]["id"])


@operation("command: housekeeping compact")
def _(world: World) -> Act:
    with_datawallet(world, world.alice)
    push(world.api, world.alice.caller, 1, modification(0, type="Delete"))
    return _command("housekeeping", "compact", world.alice.address)


@operation("command: overview rebuild")
def _(world: World) -> Act:
    assert world.alice
    return lambda: [step.refreshed for step in rebuild(None)]


@operation("command: identity delete")
def _(world: World) -> Act:
    address = world.alice.address
    return lambda: backbone("identity", "delete", address, "--yes", "--timeout", "0").code
