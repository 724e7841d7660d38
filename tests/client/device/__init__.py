"""The working parts of a device; :class:`tests.client.Device` puts them together."""
