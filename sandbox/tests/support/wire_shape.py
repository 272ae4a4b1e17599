"""Judges rows by the description of their entity."""

from datetime import datetime

from d365_sandbox.schemas.dataverse_lists import read_sales
from d365_sandbox.schemas.finops_lists import read_finops

ENTITIES = {(entity.system, entity.set_name): entity for entity in [*read_sales(), *read_finops()]}
MADE_BY_SERVER = {"organizationid", "_organizationid_value"}
CURRENCY_AMOUNT_ONLY = {"percentage", "roundingoptionamount", "roundingoptioncode"}
NOT_ON_A_BASE_UNIT = {"_baseuom_value"}


def misfits(records):
    """Yield a sentence for every field of the records that its entity lacks, refuses or misses."""
    for system, entity_set, row in records:
        entity = ENTITIES[system, entity_set]
        for name, value in row.items():
            if name not in entity.fields:
                yield f"{entity_set}.{name} is no field"
            elif not fits(entity.fields[name], value):
                yield f"{entity_set}.{name} does not take {value!r}"
        for name, field in entity.fields.items():
            required = field.required in ("SystemRequired", "ApplicationRequired", "yes")
            excused = MADE_BY_SERVER | CURRENCY_AMOUNT_ONLY | NOT_ON_A_BASE_UNIT
            if required and field.on_create and name not in row and name not in excused:
                yield f"{entity_set}.{name} is missing"


def fits(field, value):
    """Whether a field takes a value, by its kind, length, range, choices or members."""
    if field.kind in ("string", "guid"):
        return isinstance(value, str) and len(value) <= (field.max_length or 100_000)
    if field.kind in ("integer", "decimal"):
        number = int if field.kind == "integer" else (int, float)
        low, high = field.minimum, field.maximum
        return (
            isinstance(value, number)
            and not isinstance(value, bool)
            and (low is None or low <= value <= (high or low))
        )
    if field.kind == "datetime":
        return bool(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ"))
    if field.kind == "boolean":
        return isinstance(value, bool)
    return value in (field.options if field.kind == "choice" else field.members)
