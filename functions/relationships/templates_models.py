"""What goes over the wire, relationship templates."""

from collections.abc import Mapping
from itertools import count
from typing import Annotated, Any

from pydantic import AfterValidator, field_validator

from backbone.addresses import Address
from backbone.http import Base64, Int32, QueryModel, RequestModel, ResponseModel, StandardBase64, Timestamp
from backbone.ids import RelationshipTemplateId
from backbone.rules import broken_rule
from backbone.settings import PublicTemplateReference
from functions.relationships.templates_domain import MAX_CONTENT_BYTES, MAX_PASSWORD_BYTES, RelationshipTemplate
from functions.relationships.templates_store import FoundTemplate


def _content(content: bytes) -> bytes:
    if len(content) > MAX_CONTENT_BYTES:
        raise broken_rule(f"'content' must not be larger than {MAX_CONTENT_BYTES} bytes.")
    return content


def _password(password: bytes) -> bytes:
    if not 1 <= len(password) <= MAX_PASSWORD_BYTES:
        raise broken_rule(f"'password' must have 1 to {MAX_PASSWORD_BYTES} bytes.")
    return password


def _positive(number: int) -> int:
    if number <= 0:
        raise broken_rule("'maxNumberOfAllocations' must be positive.")
    return number


class NewTemplate(RequestModel):
    """The body of POST.  Members are in the order their rules are checked (section 4.1)."""

    content: Annotated[Base64, AfterValidator(_content)]
    max_number_of_allocations: Annotated[Int32, AfterValidator(_positive)] | None = None
    expires_at: Timestamp | None = None
    for_identity: Address | None = None
    password: Annotated[Base64, AfterValidator(_password)] | None = None


class PasswordQuery(QueryModel):
    """What opens a template; an empty password is none (section 4.2)."""

    password: Annotated[StandardBase64, AfterValidator(_password)] | None = None


class TemplateItem(PasswordQuery):
    """A template and what may open it."""

    id: RelationshipTemplateId


class TemplatesQuery(QueryModel):
    """Which templates to list: `templates.0.id`, `templates.0.password`, `templates.1.id`, … or else `ids` (§4.3)."""

    templates: list[TemplateItem]

    @classmethod
    def wire_values(cls, sent: Mapping[str, list[str]]) -> dict[str, Any]:
        """Numbered items end at the first number without any member."""
        by_name = {name.lower(): values for name, values in sent.items()}
        items: list[dict[str, str]] = []
        for number in count():
            members = {member: by_name.get(f"templates.{number}.{member}") for member in ("id", "password")}
            if not any(members.values()):
                break
            items.append({member: values[-1] for member, values in members.items() if values and values[-1]})
        return {"templates": items or [{"id": id} for id in by_name.get("ids", []) if id]}

    @field_validator("templates")
    @classmethod
    def _at_least_one(cls, templates: list[TemplateItem]) -> list[TemplateItem]:
        if not templates:
            raise broken_rule("There must be at least one template.")
        return templates

    def passwords_of(self, template: RelationshipTemplate) -> list[bytes | None]:
        """All that was sent to open this template."""
        return [item.password for item in self.templates if item.id == template.id]


class CreatedTemplateOut(ResponseModel):
    """What the creator learns."""

    id: str
    created_at: Timestamp


class TemplateOut(ResponseModel):
    """A template; neither its password nor its allocations are ever shown."""

    id: str
    created_by: str
    created_by_device: str
    max_number_of_allocations: int | None
    expires_at: Timestamp | None
    content: Base64
    created_at: Timestamp
    for_identity: str | None

    @classmethod
    def of(cls, found: FoundTemplate) -> "TemplateOut":
        """The wire form."""
        template = found.template
        return cls(
            id=template.id,
            created_by=template.created_by,
            created_by_device=template.created_by_device,
            max_number_of_allocations=template.max_number_of_allocations,
            expires_at=template.expires_at,
            content=found.content(),
            created_at=template.created_at,
            for_identity=template.for_identity,
        )


class PublicTemplateReferenceOut(ResponseModel):
    """A template that everybody may use."""

    title: str
    description: str
    truncated_reference: str

    @classmethod
    def of(cls, reference: PublicTemplateReference) -> "PublicTemplateReferenceOut":
        """The wire form."""
        return cls(
            title=reference.title,
            description=reference.description,
            truncated_reference=reference.truncated_reference,
        )
