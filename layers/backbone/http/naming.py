"""Names that come from clients and go back to them.  Contract: http-common.md, section 6 (dictionaries)."""


def camel_case(name: str) -> str:
    """A dictionary key as responses show it: the leading run of capitals lowered.

    The last capital of a run begins the next word, unless the run is all there is, a single letter, or ends at a space.
    """
    if not name[:1].isupper():
        return name
    run = next((position for position, character in enumerate(name) if not character.isupper()), len(name))
    end = run - 1 if 1 < run < len(name) and name[run] != " " else run
    return name[:end].lower() + name[end:]
