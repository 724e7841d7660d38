"""What can be counted per identity.  Contract: quotas.md, section 2."""

from enum import StrEnum


class Metric(StrEnum):
    """Its members in the order in which operators see them; the value is the key on the wire."""

    NUMBER_OF_SENT_MESSAGES = "NumberOfSentMessages"
    NUMBER_OF_RELATIONSHIPS = "NumberOfRelationships"
    NUMBER_OF_RELATIONSHIP_TEMPLATES = "NumberOfRelationshipTemplates"
    NUMBER_OF_FILES = "NumberOfFiles"
    NUMBER_OF_TOKENS = "NumberOfTokens"
    USED_FILE_STORAGE_SPACE = "UsedFileStorageSpace"
    """Counted in bytes, limited in MiB."""
    NUMBER_OF_STARTED_DELETION_PROCESSES = "NumberOfStartedDeletionProcesses"
    NUMBER_OF_CREATED_CHALLENGES = "NumberOfCreatedChallenges"
    NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS = "NumberOfCreatedDatawalletModifications"
    NUMBER_OF_CREATED_DEVICES = "NumberOfCreatedDevices"

    @property
    def display_name(self) -> str:
        """What operators read."""
        return _DISPLAY_NAMES[self]

    @property
    def is_enforced(self) -> bool:
        """Whether requests are refused when it is exhausted (Surprise 3)."""
        return self not in _REPORTED_ONLY

    @property
    def unit(self) -> int:
        """How much of what is counted makes 1 of what is limited."""
        return BYTES_PER_MIB if self is Metric.USED_FILE_STORAGE_SPACE else 1


BYTES_PER_MIB = 1_048_576

_REPORTED_ONLY = frozenset(
    (
        Metric.NUMBER_OF_STARTED_DELETION_PROCESSES,
        Metric.NUMBER_OF_CREATED_CHALLENGES,
        Metric.NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS,
        Metric.NUMBER_OF_CREATED_DEVICES,
    )
)

_DISPLAY_NAMES = {
    Metric.NUMBER_OF_SENT_MESSAGES: "Number of Sent Messages",
    Metric.NUMBER_OF_RELATIONSHIPS: "Number of Relationships",
    Metric.NUMBER_OF_RELATIONSHIP_TEMPLATES: "Number of Relationship Templates",
    Metric.NUMBER_OF_FILES: "Number of Files",
    Metric.NUMBER_OF_TOKENS: "Number of Tokens",
    Metric.USED_FILE_STORAGE_SPACE: "File Storage Capacity (in Megabytes)",
    Metric.NUMBER_OF_STARTED_DELETION_PROCESSES: "Number of Started Deletion Processes",
    Metric.NUMBER_OF_CREATED_CHALLENGES: "Number of Created Challenges",
    Metric.NUMBER_OF_CREATED_DATAWALLET_MODIFICATIONS: "Number of Created Datawallet Modifications",
    Metric.NUMBER_OF_CREATED_DEVICES: "Number of Created Devices",
}
