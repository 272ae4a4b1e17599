"""Run one ``dbt build`` per flow over what landed since the flow's last green build.

Owns the table ``sync.builds``. dbt owns the schemas ``staging``, ``canonical``, ``validation``, ``outbound``
and ``seeds``.
"""
