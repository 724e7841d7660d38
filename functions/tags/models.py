"""What goes over the wire.  Contract: misc.md, section 1.1."""

from pydantic import Field

from backbone.http import HeaderModel, ResponseModel, camel_case
from functions.tags.configuration import Tag, TagsConfiguration


class KnownTags(HeaderModel):
    """The entity tags of what the client has."""

    if_none_match: str | None = Field(default=None, alias="If-None-Match")


class TagOut(ResponseModel):
    """A tag; a leaf has no member `children`, because clients take an empty one for children (section 1.3)."""

    display_names: dict[str, str]
    children: "dict[str, TagOut]" = Field(default_factory=dict, exclude_if=lambda children: not children)

    @classmethod
    def of(cls, tag: Tag) -> "TagOut":
        """The wire form."""
        children = {name: cls.of(child) for name, child in tag.children.items()}
        return cls(display_names=tag.display_names, children=children)


class TagsOut(ResponseModel):
    """All tags: by type of attribute value, then by name.  Only names of the first level are camel-cased."""

    supported_languages: tuple[str, ...]
    tags_for_attribute_value_types: dict[str, dict[str, TagOut]]

    @classmethod
    def of(cls, configuration: TagsConfiguration) -> "TagsOut":
        """The wire form."""
        by_type = {
            value_type: {camel_case(name): TagOut.of(tag) for name, tag in tags.items()}
            for value_type, tags in configuration.tags_for_attribute_value_types.items()
        }
        return cls(supported_languages=configuration.supported_languages, tags_for_attribute_value_types=by_type)
