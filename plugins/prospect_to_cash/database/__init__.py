"""Sessions on the staging database, its migrations, the environments of the connections, and the waits of services.

Owns the tables ``sync.migration``, ``sync.environment``, ``sync.connection_environment``, ``sync.instance`` and
``sync.service_wait``; creates the tables of schema ``raw``.
"""
