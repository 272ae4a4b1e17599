"""Tables, keys and relationships as the metadata endpoints show them, all made from the one description
(dataverse sheet, section 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from d365_sandbox.dataverse.definition import Definition, Json, label, managed, metadata_id, no_label, words
from d365_sandbox.dataverse.definition_columns import column
from d365_sandbox.dataverse.entities import ON_DELETE
from d365_sandbox.dataverse.operations import ACTIVITY_ENDS
from d365_sandbox.dataverse.relationships import Relationships, single_valued
from d365_sandbox.dataverse.stamps import OWNERS
from d365_sandbox.schemas.entity import Entity, Field

NAMES = {
    "account": ("Account", 1),
    "contact": ("Contact", 2),
    "systemuser": ("SystemUser", 8),
    "team": ("Team", 9),
    "businessunit": ("BusinessUnit", 10),
    "organization": ("Organization", 1019),
    "pricelevel": ("PriceLevel", 1022),
    "product": ("Product", 1024),
    "productpricelevel": ("ProductPriceLevel", 1026),
    "uom": ("UoM", 1055),
    "uomschedule": ("UoMSchedule", 1056),
    "quote": ("Quote", 1084),
    "quotedetail": ("QuoteDetail", 1085),
    "salesorder": ("SalesOrder", 1088),
    "salesorderdetail": ("SalesOrderDetail", 1089),
    "invoice": ("Invoice", 1090),
    "invoicedetail": ("InvoiceDetail", 1091),
    "orderclose": ("OrderClose", 4209),
    "quoteclose": ("QuoteClose", 4211),
    "sdkmessage": ("SdkMessage", 4606),
    "sdkmessagefilter": ("SdkMessageFilter", 4607),
    "transactioncurrency": ("TransactionCurrency", 9105),
}
"""Schema name and object type code of the standard tables."""

_OWNERSHIP = {"UserOwned": "UserOwned", "Organization": "OrganizationOwned", "BusinessUnit": "BusinessOwned"}
_DELETE = {"restrict": "Restrict", "cascade": "Cascade", "clear": "RemoveLink"}
_ACTIONS = ("Assign", "Merge", "Reparent", "Share", "Unshare", "Archive", "RollupView")
_PRIVILEGES = ("Create", "Read", "Write", "Delete", "Append", "AppendTo")


class Definitions:
    """The metadata of one organisation, made once when it is first asked for."""

    def __init__(self, entities: Mapping[str, Entity], relationships: Relationships) -> None:
        self._entities = entities
        self._relationships = relationships

    @cached_property
    def tables(self) -> list[Definition]:
        return [self._table(entity) for entity in self._entities.values()]

    @cached_property
    def relationships(self) -> list[Definition]:
        return [r for entity in self._entities.values() for r in self._many_to_one(entity)]

    def _table(self, entity: Entity) -> Definition:
        columns = [column(entity, f, n) for n, f in enumerate(entity.fields.values(), 1)]
        links = {
            "Attributes": lambda: columns,
            "Keys": lambda: [_key(entity, names) for names in entity.alternate_keys],
            "ManyToOneRelationships": lambda: list(self._many_to_one(entity)),
            "OneToManyRelationships": lambda: self._one_to_many(entity),
            "ManyToManyRelationships": list,
            "Settings": list,
        }
        return Definition("EntityMetadata", "EntityMetadata", _table_data(entity), links)

    def _many_to_one(self, entity: Entity) -> Iterator[Definition]:
        for navigation, (lookup, targets) in single_valued(entity):
            for target in targets:
                if target != "?":
                    yield self._relationship(entity, navigation, lookup, target)

    def _one_to_many(self, entity: Entity) -> list[Definition]:
        name = entity.type_name
        return [r for r in self.relationships if r.data["ReferencedEntity"] == name]

    def _relationship(self, entity: Entity, navigation: str, lookup: Field, target: str) -> Definition:
        referenced = self._relationships.known(target)
        kept = next(
            (
                r
                for r in self._relationships.all
                if r.referencing is entity and r.lookup is lookup and r.referenced.type_name == target
            ),
            None,
        )
        name = kept.name if kept else f"{target}_{entity.type_name}_{lookup.logical}"
        key = referenced.key_fields[0] if referenced else f"{target}id"
        table = referenced.set_name if referenced else ""
        data: Json = {
            "AssociatedMenuConfiguration": {
                "Behavior": "UseCollectionName",
                "Group": "Details",
                "Label": no_label(),
                "Order": None,
                "IsCustomizable": False,
                "Icon": None,
                "ViewId": "00000000-0000-0000-0000-000000000000",
                "AvailableOffline": True,
                "MenuId": None,
                "QueryApi": None,
            },
            "CascadeConfiguration": {
                **dict.fromkeys(_ACTIONS, "NoCascade"),
                "Delete": _on_delete(table, entity, lookup),
            },
            "EntityKey": None,
            "HasChanged": None,
            "IntroducedVersion": "5.0.0.0",
            "IsCustomRelationship": False,
            "IsCustomizable": managed(True, "iscustomizable"),
            "IsHierarchical": target == entity.type_name and lookup.logical.startswith("parent"),
            "IsManaged": True,
            "IsRelationshipAttributeDenormalized": False,
            "IsValidForAdvancedFind": True,
            "MetadataId": metadata_id("relationship", name),
            "ReferencedAttribute": key,
            "ReferencedEntity": target,
            "ReferencedEntityNavigationPropertyName": name,
            "ReferencingAttribute": lookup.logical,
            "ReferencingEntity": entity.type_name,
            "ReferencingEntityNavigationPropertyName": navigation,
            "RelationshipAttributes": [],
            "RelationshipBehavior": 1,
            "RelationshipType": "OneToManyRelationship",
            "SchemaName": name,
            "SecurityTypes": "Append",
        }
        return Definition("OneToManyRelationshipMetadata", "OneToManyRelationshipMetadata", data)


def _table_data(entity: Entity) -> Json:
    name = entity.type_name
    schema_name, type_code = NAMES.get(name, (name.capitalize(), 10_000))
    return {
        "ActivityTypeMask": 0,
        "AutoCreateAccessTeams": False,
        "AutoRouteToOwnerQueue": False,
        "CanCreateAttributes": managed(True, "cancreateattributes"),
        "CanTriggerWorkflow": True,
        "ChangeTrackingEnabled": entity.change_tracking,
        "CollectionSchemaName": f"{schema_name}s",
        "CreatedOn": "1900-01-01T00:00:00Z",
        "DataProviderId": None,
        "DataSourceId": None,
        "DaysSinceRecordLastModified": 0,
        "Description": no_label(),
        "DisplayCollectionName": label(words(f"{schema_name}s"), name, "collection"),
        "DisplayName": label(words(schema_name), name),
        "EnforceStateTransitions": False,
        "EntityColor": "",
        "EntitySetName": entity.set_name,
        "ExternalCollectionName": None,
        "ExternalName": None,
        "HasActivities": False,
        "HasChanged": None,
        "HasEmailAddresses": "emailaddress1" in entity.fields,
        "HasNotes": False,
        "IntroducedVersion": "5.0.0.0",
        "IsActivity": name in ACTIVITY_ENDS,
        "IsActivityParty": False,
        "IsAuditEnabled": managed(True, "canmodifyauditsettings"),
        "IsAvailableOffline": True,
        "IsBusinessProcessEnabled": False,
        "IsChildEntity": name.endswith("detail"),
        "IsCustomEntity": False,
        "IsCustomizable": managed(True, "iscustomizable"),
        "IsDuplicateDetectionEnabled": managed(
            bool(entity.duplicate_rules), "canmodifyduplicatedetectionsettings"
        ),
        "IsImportable": True,
        "IsIntersect": False,
        "IsLogicalEntity": False,
        "IsManaged": True,
        "IsOptimisticConcurrencyEnabled": entity.optimistic_concurrency,
        "IsPrivate": False,
        "IsRenameable": managed(True, "isrenameable"),
        "IsStateModelAware": "statecode" in entity.fields,
        "IsValidForAdvancedFind": True,
        "LogicalCollectionName": entity.set_name,
        "LogicalName": name,
        "MetadataId": metadata_id("table", name),
        "ModifiedOn": "1900-01-01T00:00:00Z",
        "ObjectTypeCode": type_code,
        "OwnerId": None,
        "OwnershipType": _OWNERSHIP.get(entity.ownership, "None"),
        "PrimaryIdAttribute": entity.key_fields[0],
        "PrimaryImageAttribute": None,
        "PrimaryNameAttribute": entity.primary_name or None,
        "Privileges": _privileges(name, schema_name),
        "RecurrenceBaseEntityLogicalName": None,
        "ReportViewName": f"Filtered{schema_name}",
        "SchemaName": schema_name,
        "SettingOf": None,
        "SyncToExternalSearchIndex": False,
        "TableType": "Standard",
        "UsesBusinessDataLabelTable": False,
    }


def _privileges(name: str, schema_name: str) -> list[Json]:
    return [
        {
            "CanBeBasic": True,
            "CanBeDeep": True,
            "CanBeEntityReference": False,
            "CanBeGlobal": True,
            "CanBeLocal": True,
            "CanBeParentEntityReference": False,
            "CanBeRecordFilter": False,
            "Name": f"prv{privilege}{schema_name}",
            "PrivilegeId": metadata_id("privilege", privilege, name),
            "PrivilegeType": privilege,
        }
        for privilege in _PRIVILEGES
    ]


def _key(entity: Entity, names: tuple[str, ...]) -> Definition:
    """A declared alternate key; it is Active as soon as it is declared."""
    columns = [entity.fields[name].logical for name in names]
    name = f"key_{'_'.join(columns)}"
    data: Json = {
        "AsyncJob": None,
        "DisplayName": label(words(name), entity.type_name, name),
        "EntityKeyIndexStatus": "Active",
        "EntityLogicalName": entity.type_name,
        "HasChanged": None,
        "IntroducedVersion": "1.0.0.0",
        "IsCustomizable": managed(True, "iscustomizable"),
        "IsExportKey": False,
        "IsManaged": False,
        "IsSecondaryKey": False,
        "IsSynchronous": False,
        "KeyAttributes": columns,
        "LogicalName": name,
        "MetadataId": metadata_id("key", entity.type_name, name),
        "SchemaName": name,
    }
    return Definition("EntityKeyMetadata", "EntityKeyMetadata", data)


def _on_delete(set_name: str, entity: Entity, lookup: Field) -> str:
    found = {(s, c): _DELETE[how] for s, c, how in ON_DELETE.get(set_name, ())}
    default = "NoCascade" if set_name in OWNERS else "RemoveLink"
    return found.get((entity.set_name, lookup.name), default)
