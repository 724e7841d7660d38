"""The OpenAPI documents of the two HTTP APIs, generated from the code.

    python -m infra.openapi             writes functions/pages/files/openapi.json (Consumer API) and
                                        functions/admin/files/openapi.json (Admin API)
    python -m infra.openapi --check     fails when one of them is stale

Nothing about an endpoint is written down twice: its parameters, body and result are read from its signature
(`signatures.py`), what it may refuse from the code that it runs (`refusals.py`), and examples are made from the schemas
(`examples.py`).  A new service is described as soon as it has an `Api`.
"""
