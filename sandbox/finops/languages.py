"""Infolog sentences in the language of the user (finops-odata sheet, section 8: texts are localised).

As in gettext, the English sentence is the key: rules speak en-us and an answer is translated on its way out. The
German and French wording is assumed; levels and the names of methods and fields are not translated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_SENTENCES: Sequence[tuple[str, Mapping[str, str]]] = (
    (
        "The value '{value}' in field '{caption}' is not found in the related table '{related}'.",
        {
            "de": "Der Wert '{value}' im Feld '{caption}' wurde in der verknüpften Tabelle '{related}' nicht "
            "gefunden.",
            "fr": "La valeur '{value}' du champ '{caption}' est introuvable dans la table liée '{related}'.",
        },
    ),
    (
        "Field '{caption}' must be filled in.",
        {
            "de": "Das Feld '{caption}' muss ausgefüllt werden.",
            "fr": "Le champ '{caption}' doit être renseigné.",
        },
    ),
    (
        "Field '{caption}' must be filled in",
        {
            "de": "Das Feld '{caption}' muss ausgefüllt werden",
            "fr": "Le champ '{caption}' doit être renseigné",
        },
    ),
    (
        "Cannot create a record in {related} ({table}). {caption}: {value}.\nThe record already exists.",
        {
            "de": "Datensatz in {related} ({table}) kann nicht erstellt werden. {caption}: {value}.\n"
            "Der Datensatz ist bereits vorhanden.",
            "fr": "Impossible de créer un enregistrement dans {related} ({table}). {caption} : {value}.\n"
            "L'enregistrement existe déjà.",
        },
    ),
    (
        "Inventory dimension {caption} is mandatory and must consequently be specified.",
        {
            "de": "Die Lagerungsdimension {caption} ist obligatorisch und muss daher angegeben werden.",
            "fr": "La dimension de stock {caption} est obligatoire et doit donc être spécifiée.",
        },
    ),
    (
        "Cannot edit a record in {related} ({table}). An update conflict occurred due to another user process "
        "deleting the record or changing one or more fields in the record.",
        {
            "de": "Ein Datensatz in {related} ({table}) kann nicht bearbeitet werden. Es ist ein "
            "Aktualisierungskonflikt aufgetreten, weil ein anderer Benutzerprozess den Datensatz gelöscht oder "
            "Felder im Datensatz geändert hat.",
            "fr": "Impossible de modifier un enregistrement dans {related} ({table}). Un conflit de mise à jour "
            "est survenu car un autre processus utilisateur a supprimé l'enregistrement ou modifié un ou "
            "plusieurs de ses champs.",
        },
    ),
    (
        "Cannot delete a record in {related} ({table}). It is used in {caption}",
        {
            "de": "Ein Datensatz in {related} ({table}) kann nicht gelöscht werden. Er wird verwendet in {caption}",
            "fr": "Impossible de supprimer un enregistrement dans {related} ({table}). Il est utilisé dans "
            "{caption}",
        },
    ),
    (
        "Field '{caption}' does not allow editing",
        {
            "de": "Das Feld '{caption}' kann nicht bearbeitet werden",
            "fr": "Le champ '{caption}' ne peut pas être modifié",
        },
    ),
    (
        "The number sequence of field '{caption}' does not allow manual numbers.",
        {
            "de": "Der Nummernkreis des Felds '{caption}' lässt keine manuellen Nummern zu.",
            "fr": "La souche de numéros du champ '{caption}' n'autorise pas la numérotation manuelle.",
        },
    ),
)
_CAPTIONS: Mapping[str, Mapping[str, str]] = {
    "Company": {"de": "Unternehmen", "fr": "Société"},
    "Contacts": {"de": "Kontakte", "fr": "Contacts"},
    "Currencies": {"de": "Währungen", "fr": "Devises"},
    "Currency": {"de": "Währung", "fr": "Devise"},
    "Customer account": {"de": "Debitorenkonto", "fr": "Compte client"},
    "Customer group": {"de": "Debitorengruppe", "fr": "Groupe de clients"},
    "Customer groups": {"de": "Debitorengruppen", "fr": "Groupes de clients"},
    "Customers": {"de": "Debitoren", "fr": "Clients"},
    "Invoice account": {"de": "Rechnungskonto", "fr": "Compte de facturation"},
    "Item number": {"de": "Artikelnummer", "fr": "Numéro d'article"},
    "Legal entities": {"de": "Juristische Personen", "fr": "Entités juridiques"},
    "Order lines": {"de": "Auftragspositionen", "fr": "Lignes de commande"},
    "Organization name": {"de": "Organisationsname", "fr": "Nom de l'organisation"},
    "Product number": {"de": "Produktnummer", "fr": "Numéro de produit"},
    "Quotation": {"de": "Angebot", "fr": "Devis"},
    "Quotations": {"de": "Angebote", "fr": "Devis"},
    "Released products": {"de": "Freigegebene Produkte", "fr": "Produits lancés"},
    "Sales order": {"de": "Auftrag", "fr": "Commande client"},
    "Sales orders": {"de": "Aufträge", "fr": "Commandes client"},
    "Site": {"de": "Standort", "fr": "Site"},
    "Sites": {"de": "Standorte", "fr": "Sites"},
    "Terms of payment": {"de": "Zahlungsbedingungen", "fr": "Conditions de paiement"},
    "Unit": {"de": "Einheit", "fr": "Unité"},
    "Units": {"de": "Einheiten", "fr": "Unités"},
    "Warehouse": {"de": "Lagerort", "fr": "Entrepôt"},
    "Warehouses": {"de": "Lagerorte", "fr": "Entrepôts"},
}


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", sentence)
    return re.compile(
        "".join(f"(?P<{part}>.*?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)), re.DOTALL
    )


_PATTERNS = [(_pattern(sentence), wordings) for sentence, wordings in _SENTENCES]


def translated(line: str, language: str) -> str:
    """An Infolog line, such as `Warning: <sentence>`, in another language; as it is when there is none."""
    level, mark, sentence = line.partition(": ")
    for pattern, wordings in _PATTERNS:
        found = pattern.fullmatch(sentence)
        if found and language in wordings:
            values = {
                name: _caption(text, language) if name in ("caption", "related") else text
                for name, text in found.groupdict().items()
            }
            return f"{level}{mark}{wordings[language].format(**values)}"
    return line


def _caption(text: str, language: str) -> str:
    return _CAPTIONS.get(text, {}).get(language, text)
