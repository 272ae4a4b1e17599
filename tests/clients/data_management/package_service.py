"""A small package service: actions answered in the documented form, files at links with a key."""

import io
import json
import zipfile

import orjson

ACTIONS = "/data/DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities."
KEY = "?sv=2024&sig=s3cretkey"
NAMESPACE = "http://schemas.microsoft.com/dynamics/2015/01/DataManagement"


def manifest(*entities, namespace=NAMESPACE):
    """A manifest of (label, file, source format, {column: staging field})."""
    listed = "".join(
        "<DataManagementPackageEntityData><EntityMapList>"
        + "".join(
            f"<EntityMap><EntityField>{field}</EntityField><XMLField>{column}</XMLField></EntityMap>"
            for column, field in fields.items()
        )
        + f"</EntityMapList><EntityName>{label}</EntityName><InputFilePath>{path}</InputFilePath>"
        f"<SourceFormat>{form}</SourceFormat></DataManagementPackageEntityData>"
        for label, path, form, fields in entities
    )
    return (
        f'<DataManagementPackageManifest xmlns="{namespace}"><PackageEntityList>{listed}'
        "</PackageEntityList></DataManagementPackageManifest>"
    )


def zipped(files, level=zipfile.ZIP_DEFLATED):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", level) as package:
        for name, content in files.items():
            package.writestr(name, content)
    return held.getvalue()


def package(csv_text, label="Things V3", form="CSV", fields=None, encoding="utf-8-sig"):
    """A package of one entity, its manifest as real exports have it."""
    document = manifest((label, "Things.csv", form, fields or {}))
    content = csv_text if isinstance(csv_text, bytes) else csv_text.encode(encoding)
    return zipped({"Manifest.xml": b"\xff\xfe" + document.encode("utf-16-le"), "Things.csv": content})


class PackageService:
    """Sets the answers of a `Server`; `values` are answered in turn, the last one stays."""

    def __init__(self, server):
        self.server = server

    def says(self, action, *values, nested=False):
        shown = [{"value": {"value": value}} if nested else {"value": value} for value in values]
        self.server.answer(ACTIONS + action, *[(200, answer, {}) for answer in shown])

    def answers(self, action, *answers):
        self.server.answer(ACTIONS + action, *answers)

    def has_file(self, path, *answers):
        self.server.answer(path, *answers)
        return self.server.url + path + KEY

    def takes_file(self, path="/dmf/upload"):
        self.server.answer(path, (201, "", {}))
        answer = json.dumps({"BlobId": "{1}", "BlobUrl": self.server.url + path + KEY})
        self.says("GetAzureWriteUrl", answer)
        return path

    def asked(self, action):
        """The parameters of every call of an action."""
        return [orjson.loads(seen.body) for seen in self.server.requests(ACTIONS + action)]
