"""What is deployed as comparable lines, so that reshaping templates loses nothing unnoticed."""

import shutil
from pathlib import Path

from infra.build import ROOT
from infra.facts import differences, facts


def copy_of_the_templates(folder: Path) -> Path:
    """A tree with nothing but the templates."""
    for file in (ROOT / "template.yaml", *ROOT.glob("infra/*.yaml"), *ROOT.glob("functions/*/*.yaml")):
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return folder


def test_the_same_templates_have_the_same_facts(tmp_path: Path) -> None:
    assert differences(facts(), facts(copy_of_the_templates(tmp_path))) == []


def test_a_right_an_event_and_an_attribute_that_get_lost_are_told(tmp_path: Path) -> None:
    tree = copy_of_the_templates(tmp_path)
    for name, line in (
        ("functions/keys/template.yaml", "ssm:PutParameter, "),
        ("functions/messages/template.yaml", "                - MessageOrphaned\n"),
        ("functions/tokens/template.yaml", "        - {AttributeName: party, AttributeType: S}\n"),
    ):
        file = tree / name
        assert line in file.read_text()
        file.write_text(file.read_text().replace(line, "", 1))

    lost = differences(facts(), facts(tree))

    assert [line.split(" {")[0] for line in lost if line.startswith("-")] == [
        "- event MessageOrphaned -> arn:aws:lambda:eu-central-1:123456789012:function:backbone-messages-consumer",
        "- right backbone-keys ssm:PutParameter "
        "arn:aws:ssm:eu-central-1:123456789012:parameter/backbone/token-keys/private",
        "- right backbone-keys ssm:PutParameter "
        "arn:aws:ssm:eu-central-1:123456789012:parameter/backbone/token-keys/public",
        "- table backbone-tokens",
    ]
