"""How tables and payloads come back as they were at a point in time.  Decision: docs/decisions/restoring.md."""
