"""Clients of AWS for commands that look at the deployment itself.  What services keep is read through their stores."""

from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config


@lru_cache(maxsize=16)
def client(service: str) -> Any:
    """A client in the environment of the Backbone that was chosen."""
    return boto3.client(service, config=Config(connect_timeout=5, retries={"mode": "standard"}))
