"""Lambda entry point of the outbox."""

from functions.outbox import publisher

stream = publisher.publish_stream
