"""How results look: tables for people, JSON for scripts; and that the command is there before any Backbone is."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from cli.output import progress, show
from infra.build import ROOT

RECORDS = [{"clientId": "a", "numberOfIdentities": 3, "isLocked": True}, {"clientId": "b", "maxIdentities": None}]


def test_people_get_a_table_with_words_as_headings(capsys: pytest.CaptureFixture[str]) -> None:
    show(RECORDS, as_json=False)

    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [word.strip() for word in lines[0] if word] == [
        "Client id",
        "Number of identities",
        "Is locked",
        "Max identities",
    ]
    assert [word.strip() for word in lines[1] if word.strip()] == ["a", "3", "yes"]


def test_scripts_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    show([{"at": at, "text": "Grüße [1]", "nothing": None}], as_json=True)

    assert json.loads(capsys.readouterr().out) == [
        {"at": "2026-01-02T03:04:05.000Z", "text": "Grüße [1]", "nothing": None}
    ]


def test_one_record_is_a_list_of_facts_with_tables_below(capsys: pytest.CaptureFixture[str]) -> None:
    show({"address": "did:e:x", "problems": [], "devices": [{"id": "DVC1"}]}, as_json=False)

    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "Address   did:e:x",
        "Problems",
        "",
        "Devices",
        "Id",
        "DVC1",
    ]


def test_what_looks_like_markup_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"name": "[bold]x[/bold]"}], as_json=False)

    assert "[bold]x[/bold]" in capsys.readouterr().out


def test_nothing_is_said_on_stderr_unless_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    show([], as_json=False, empty="There are no clients.")
    assert capsys.readouterr() == ("", "There are no clients.\n")

    show([], as_json=True)
    assert capsys.readouterr() == ("[]\n", "")


def test_progress_is_for_terminals_only(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("working", total=3) as advance:
        advance(3)

    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_the_command_needs_no_environment_to_explain_itself() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layers'}"}

    outcome = subprocess.run(
        [sys.executable, "-m", "cli", "client", "--help"], env=environment, capture_output=True, text=True, check=False
    )

    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "change-secret" in outcome.stdout
