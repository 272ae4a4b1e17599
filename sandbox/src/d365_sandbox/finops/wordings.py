"""The wording of refusals in other languages than English (finops-odata sheet, section 8: texts are localised).

As in gettext, the English sentence is the key. The wordings are assumed: no published capture has them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LANGUAGES = ("en-us", "de", "fr", "ja")
"""Those in which a user of F&O can be."""

SENTENCES: Sequence[tuple[str, Mapping[str, str]]] = (
    (
        "The value '{value}' in field '{caption}' is not found in the related table '{related}'.",
        {
            "de": "Der Wert '{value}' im Feld '{caption}' wurde in der verknüpften Tabelle '{related}' "
            "nicht gefunden.",
            "fr": "La valeur '{value}' du champ '{caption}' est introuvable dans la table liée '{related}'.",
            "ja": "フィールド '{caption}' の値 '{value}' が関連テーブル '{related}' に見つかりません。",
        },
    ),
    (
        "Field '{caption}' must be filled in.",
        {
            "de": "Das Feld '{caption}' muss ausgefüllt werden.",
            "fr": "Le champ '{caption}' doit être renseigné.",
            "ja": "フィールド '{caption}' に入力する必要があります。",
        },
    ),
    (
        "Field '{caption}' must be filled in",
        {
            "de": "Das Feld '{caption}' muss ausgefüllt werden",
            "fr": "Le champ '{caption}' doit être renseigné",
            "ja": "フィールド '{caption}' に入力する必要があります",
        },
    ),
    (
        "Cannot create a record in {related} ({table}). {caption}: {value}.\nThe record already exists.",
        {
            "de": "Datensatz in {related} ({table}) kann nicht erstellt werden. {caption}: "
            "{value}.\nDer Datensatz ist bereits vorhanden.",
            "fr": "Impossible de créer un enregistrement dans {related} ({table}). {caption} : "
            "{value}.\nL'enregistrement existe déjà.",
            "ja": "{related} ({table}) にレコードを作成できません。{caption}: {value}。\nレコードは既に存在します。",
        },
    ),
    (
        "Inventory dimension {caption} is mandatory and must consequently be specified.",
        {
            "de": "Die Lagerungsdimension {caption} ist obligatorisch und muss daher angegeben werden.",
            "fr": "La dimension de stock {caption} est obligatoire et doit donc être spécifiée.",
            "ja": "在庫分析コード {caption} は必須のため、指定する必要があります。",
        },
    ),
    (
        "Cannot edit a record in {related} ({table}). An update conflict occurred due to "
        "another user process deleting the record or changing one or more fields in the "
        "record.",
        {
            "de": "Ein Datensatz in {related} ({table}) kann nicht bearbeitet werden. Es ist ein "
            "Aktualisierungskonflikt aufgetreten, weil ein anderer Benutzerprozess den Datensatz "
            "gelöscht oder Felder im Datensatz geändert hat.",
            "fr": "Impossible de modifier un enregistrement dans {related} ({table}). Un conflit de "
            "mise à jour est survenu car un autre processus utilisateur a supprimé "
            "l'enregistrement ou modifié un ou plusieurs de ses champs.",
            "ja": "{related} ({table}) のレコードを編集できません。別のユーザー プロセスがレコードを削除したか、レコードの 1 "
            "つ以上のフィールドを変更したため、更新の競合が発生しました。",
        },
    ),
    (
        "Cannot delete a record in {related} ({table}). It is used in {caption}",
        {
            "de": "Ein Datensatz in {related} ({table}) kann nicht gelöscht werden. Er wird verwendet "
            "in {caption}",
            "fr": "Impossible de supprimer un enregistrement dans {related} ({table}). Il est utilisé "
            "dans {caption}",
            "ja": "{related} ({table}) のレコードを削除できません。{caption} で使用されています",
        },
    ),
    (
        "Field '{caption}' does not allow editing",
        {
            "de": "Das Feld '{caption}' kann nicht bearbeitet werden",
            "fr": "Le champ '{caption}' ne peut pas être modifié",
            "ja": "フィールド '{caption}' は編集できません",
        },
    ),
    (
        "The number sequence of field '{caption}' does not allow manual numbers.",
        {
            "de": "Der Nummernkreis des Felds '{caption}' lässt keine manuellen Nummern zu.",
            "fr": "La souche de numéros du champ '{caption}' n'autorise pas la numérotation manuelle.",
            "ja": "フィールド '{caption}' の番号順序では手動の番号を使用できません。",
        },
    ),
    (
        "The value '{value}' is not valid in field '{caption}'.",
        {
            "de": "Der Wert '{value}' ist im Feld '{caption}' nicht gültig.",
            "fr": "La valeur '{value}' n'est pas valide dans le champ '{caption}'.",
            "ja": "フィールド '{caption}' の値 '{value}' は無効です。",
        },
    ),
    (
        "Field '{caption}' must not be zero.",
        {
            "de": "Das Feld '{caption}' darf nicht null sein.",
            "fr": "Le champ '{caption}' ne doit pas être égal à zéro.",
            "ja": "フィールド '{caption}' をゼロにすることはできません。",
        },
    ),
    (
        "Field '{caption}' is part of the key and cannot be changed",
        {
            "de": "Das Feld '{caption}' gehört zum Schlüssel und kann nicht geändert werden",
            "fr": "Le champ '{caption}' fait partie de la clé et ne peut pas être modifié",
            "ja": "フィールド '{caption}' はキーの一部であるため、変更できません",
        },
    ),
    (
        "The value in field '{caption}' is too long: at most {number} characters are allowed",
        {
            "de": "Der Wert im Feld '{caption}' ist zu lang: Höchstens {number} Zeichen sind zulässig",
            "fr": "La valeur du champ '{caption}' est trop longue : {number} caractères au plus sont "
            "autorisés",
            "ja": "フィールド '{caption}' の値が長すぎます。最大 {number} 文字です",
        },
    ),
    (
        "The value '{value}' in field '{caption}' does not have the {number} dimensions of "
        "the configured format",
        {
            "de": "Der Wert '{value}' im Feld '{caption}' hat nicht die {number} Dimensionen des "
            "eingerichteten Formats",
            "fr": "La valeur '{value}' du champ '{caption}' n'a pas les {number} dimensions du format "
            "configuré",
            "ja": "フィールド '{caption}' の値 '{value}' には、構成された形式の {number} 個の分析コードがありません",
        },
    ),
    (
        "The net amount is too large.",
        {
            "de": "Der Nettobetrag ist zu groß.",
            "fr": "Le montant net est trop élevé.",
            "ja": "正味金額が大きすぎます。",
        },
    ),
    (
        "The requested ship date {value} is earlier than today and is not allowed.",
        {
            "de": "Das angeforderte Versanddatum {value} liegt vor dem heutigen Datum und ist nicht "
            "zulässig.",
            "fr": "La date d'expédition demandée {value} est antérieure à aujourd'hui et n'est pas "
            "autorisée.",
            "ja": "要求出荷日 {value} は今日より前のため、許可されていません。",
        },
    ),
    (
        "Warehouse {value} does not belong to site {site}.",
        {
            "de": "Der Lagerort {value} gehört nicht zum Standort {site}.",
            "fr": "L'entrepôt {value} n'appartient pas au site {site}.",
            "ja": "倉庫 {value} はサイト {site} に属していません。",
        },
    ),
    (
        "Party '{value}' is of type '{found}', not '{wanted}'.",
        {
            "de": "Die Partei '{value}' ist vom Typ '{found}', nicht '{wanted}'.",
            "fr": "La partie '{value}' est de type '{found}' et non '{wanted}'.",
            "ja": "当事者 '{value}' の種類は '{wanted}' ではなく '{found}' です。",
        },
    ),
    (
        "Quotation {value} has the status {status} and cannot be changed",
        {
            "de": "Das Angebot {value} hat den Status {status} und kann nicht geändert werden",
            "fr": "Le devis {value} a le statut {status} et ne peut pas être modifié",
            "ja": "見積 {value} のステータスは {status} であるため、変更できません",
        },
    ),
    (
        "Sales order {value} has the status {status} and cannot be changed",
        {
            "de": "Der Auftrag {value} hat den Status {status} und kann nicht geändert werden",
            "fr": "La commande client {value} a le statut {status} et ne peut pas être modifiée",
            "ja": "販売注文 {value} のステータスは {status} であるため、変更できません",
        },
    ),
    (
        "The order line has the status {status} and cannot be changed",
        {
            "de": "Die Auftragsposition hat den Status {status} und kann nicht geändert werden",
            "fr": "La ligne de commande a le statut {status} et ne peut pas être modifiée",
            "ja": "注文明細行のステータスは {status} であるため、変更できません",
        },
    ),
    (
        "No resources were found when selecting for update.",
        {
            "de": "Bei der Auswahl zur Aktualisierung wurden keine Ressourcen gefunden.",
            "fr": "Aucune ressource n'a été trouvée lors de la sélection pour mise à jour.",
            "ja": "更新のための選択時にリソースが見つかりませんでした。",
        },
    ),
    (
        "The record has been changed by another user.",
        {
            "de": "Der Datensatz wurde von einem anderen Benutzer geändert.",
            "fr": "L'enregistrement a été modifié par un autre utilisateur.",
            "ja": "レコードは別のユーザーによって変更されました。",
        },
    ),
    (
        "Access to entity set '{value}' is denied.",
        {
            "de": "Der Zugriff auf die Entitätsmenge '{value}' wurde verweigert.",
            "fr": "L'accès à l'ensemble d'entités '{value}' est refusé.",
            "ja": "エンティティ セット '{value}' へのアクセスが拒否されました。",
        },
    ),
)

CAPTIONS: Mapping[str, Mapping[str, str]] = {
    "Company": {"de": "Unternehmen", "fr": "Société", "ja": "会社"},
    "Contact": {"de": "Kontakt", "fr": "Contact", "ja": "連絡先"},
    "Contacts": {"de": "Kontakte", "fr": "Contacts", "ja": "連絡先"},
    "Currencies": {"de": "Währungen", "fr": "Devises", "ja": "通貨"},
    "Currency": {"de": "Währung", "fr": "Devise", "ja": "通貨"},
    "Customer account": {"de": "Debitorenkonto", "fr": "Compte client", "ja": "顧客アカウント"},
    "Customer group": {"de": "Debitorengruppe", "fr": "Groupe de clients", "ja": "顧客グループ"},
    "Customer groups": {"de": "Debitorengruppen", "fr": "Groupes de clients", "ja": "顧客グループ"},
    "Customers": {"de": "Debitoren", "fr": "Clients", "ja": "顧客"},
    "First name": {"de": "Vorname", "fr": "Prénom", "ja": "名"},
    "Invoice account": {"de": "Rechnungskonto", "fr": "Compte de facturation", "ja": "請求先勘定"},
    "Item number": {"de": "Artikelnummer", "fr": "Numéro d'article", "ja": "品目番号"},
    "Legal entities": {"de": "Juristische Personen", "fr": "Entités juridiques", "ja": "法人"},
    "Order lines": {"de": "Auftragspositionen", "fr": "Lignes de commande", "ja": "注文明細行"},
    "Organization name": {"de": "Organisationsname", "fr": "Nom de l'organisation", "ja": "組織名"},
    "Party type": {"de": "Parteityp", "fr": "Type de partie", "ja": "当事者の種類"},
    "Product number": {"de": "Produktnummer", "fr": "Numéro de produit", "ja": "製品番号"},
    "Quantity": {"de": "Menge", "fr": "Quantité", "ja": "数量"},
    "Quotation": {"de": "Angebot", "fr": "Devis", "ja": "見積"},
    "Quotations": {"de": "Angebote", "fr": "Devis", "ja": "見積"},
    "Released products": {"de": "Freigegebene Produkte", "fr": "Produits lancés", "ja": "リリース済製品"},
    "Sales order": {"de": "Auftrag", "fr": "Commande client", "ja": "販売注文"},
    "Sales orders": {"de": "Aufträge", "fr": "Commandes client", "ja": "販売注文"},
    "Site": {"de": "Standort", "fr": "Site", "ja": "サイト"},
    "Sites": {"de": "Standorte", "fr": "Sites", "ja": "サイト"},
    "Terms of payment": {"de": "Zahlungsbedingungen", "fr": "Conditions de paiement", "ja": "支払条件"},
    "Unit": {"de": "Einheit", "fr": "Unité", "ja": "単位"},
    "Units": {"de": "Einheiten", "fr": "Unités", "ja": "単位"},
    "Warehouse": {"de": "Lagerort", "fr": "Entrepôt", "ja": "倉庫"},
    "Warehouses": {"de": "Lagerorte", "fr": "Entrepôts", "ja": "倉庫"},
}
