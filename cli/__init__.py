"""The operator's command `backbone`.  The commands themselves are in the services, `functions/*/operator*.py`."""
