import shutil
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from d365_sandbox.records import RecordsError, load_folder
from support.folders import ACCOUNT, ORDER, PRODUCT, loaded, refusal, small_folder, write
from support.wire_shape import misfits


@pytest.fixture
def folder(tmp_path):
    return small_folder(tmp_path)


def test_an_account_arrives_with_every_column_in_its_field(folder):
    sets = loaded(folder)
    dollar = sets["transactioncurrencies"][0]

    assert dollar["isocurrencycode"] == "USD"
    (account,) = sets["accounts"]
    assert account.pop("accountid")
    assert account == {
        "accountnumber": "AW00000585",
        "name": "Next-Door Bike Store",
        "telephone1": "398-555-0132",
        "address1_line1": "Mall Of Memphis",
        "address1_city": "Memphis",
        "address1_stateorprovince": "Tennessee",
        "address1_postalcode": "38103",
        "address1_country": "United States",
        "revenue": 80000,
        "numberofemployees": 13,
        "_transactioncurrencyid_value": dollar["transactioncurrencyid"],
        "customertypecode": 3,
        "statecode": 0,
        "statuscode": 1,
        "modifiedon": "2025-09-11T11:15:07Z",
    }


def test_a_product_arrives_in_the_three_sets_that_show_it(folder):
    sets = loaded(folder)

    (sellable,) = sets["SellableReleasedProducts"]
    assert sellable == {
        "dataAreaId": "usmf",
        "ProductNumber": "FR-R92B-58",
        "ProductName": "HL Road Frame - Black, 58",
        "ProductType": "Item",
        "FieldServiceProductType": "Inventory",
        "IsStockedProduct": "Yes",
        "SalesPrice": 1431.5,
        "UnitCost": 1059.31,
        "CurrencyCode": "USD",
        "SalesUnitSymbol": "EA",
        "SalesUnitDecimalPrecision": 0,
        "InventoryUnitSymbol": "EA",
        "InventoryUnitDecimalPrecision": 0,
        "IsSalesStopped": "No",
    }
    (item,) = sets["ReleasedProductsV2"]
    assert (item["ItemNumber"], item["SalesPriceQuantity"]) == ("FR-R92B-58", 1)
    assert (item["SellStartDate"], "SellEndDate" in item) == ("2019-04-30T12:00:00Z", False)
    (distinct,) = sets["CDSReleasedDistinctProducts"]
    assert (distinct["ItemNumber"], distinct["ProductColorId"], distinct["ProductSizeId"]) == (
        "FR-R92B-58",
        "Black",
        "58",
    )


def test_a_product_that_is_not_sellable_is_released_only(folder):
    write(folder / "products.csv", [PRODUCT, PRODUCT | {"product_number": "BA-8327", "is_sellable": "false"}])

    sets = loaded(folder)

    assert [p["ProductNumber"] for p in sets["SellableReleasedProducts"]] == ["FR-R92B-58"]
    assert [p["ItemNumber"] for p in sets["ReleasedProductsV2"]] == ["FR-R92B-58", "BA-8327"]
    assert [p["ProductNumber"] for p in sets["CDSReleasedDistinctProducts"]] == ["FR-R92B-58", "BA-8327"]


def test_an_end_of_sale_is_kept_and_stops_nothing(folder):
    write(folder / "products.csv", [PRODUCT | {"sell_end": "2024-05-29"}])

    sets = loaded(folder)

    assert sets["ReleasedProductsV2"][0]["SellEndDate"] == "2024-05-29T12:00:00Z"
    assert sets["SellableReleasedProducts"][0]["IsSalesStopped"] == "No"


def test_all_currencies_are_known_to_finance_and_those_in_use_have_a_price_list_in_sales(folder):
    write(folder / "accounts.csv", [ACCOUNT, ACCOUNT | {"account_number": "AW2", "currency_code": "AFA"}])

    sets = loaded(folder)

    assert [c["CurrencyCode"] for c in sets["Currencies"]] == ["USD", "AFA", "EUR"]
    codes = {c["transactioncurrencyid"]: c["isocurrencycode"] for c in sets["transactioncurrencies"]}
    lists = [(r["name"], codes[r["_transactioncurrencyid_value"]]) for r in sets["pricelevels"]]
    assert lists == [("Standard AFA", "AFA"), ("Standard USD", "USD")]


def test_all_units_stand_in_both_systems_and_each_is_the_base_of_the_group(folder):
    sets = loaded(folder)

    assert [u["UnitSymbol"] for u in sets["UnitsOfMeasure"]] == ["BOX", "EA"]
    assert [(u["name"], u["isschedulebaseuom"]) for u in sets["uoms"]] == [("Each", True), ("Boxes", False)]
    assert sets["uomschedules"][0]["name"] == "Default Unit"
    assert sets["uoms"][1]["_baseuom_value"] == sets["uoms"][0]["uomid"]


def test_an_empty_cell_is_no_field(folder):
    blank = dict.fromkeys(ACCOUNT, "") | {"name": "Just A Name"}
    write(folder / "accounts.csv", [blank])

    (account,) = loaded(folder)["accounts"]

    assert sorted(account) == [
        "accountid",
        "customertypecode",
        "modifiedon",
        "name",
        "statecode",
        "statuscode",
    ]


def test_text_is_taken_as_it_stands(folder):
    name = '  Müller & "Söhne", שלום 🚲\nZweite Zeile  '
    write(folder / "accounts.csv", [ACCOUNT | {"name": name, "city": " "}])

    (account,) = loaded(folder)["accounts"]

    assert account["name"] == name
    assert account["address1_city"] == " "


def test_the_same_key_has_the_same_guid_whatever_stands_around_it(folder):
    before = loaded(folder)
    write(
        folder / "accounts.csv",
        [ACCOUNT | {"account_number": "A0", "name": "First"}, ACCOUNT | {"name": "Renamed"}],
    )
    after = loaded(folder)

    assert after["accounts"][1]["name"] == "Renamed"
    assert after["accounts"][1]["accountid"] == before["accounts"][0]["accountid"]
    assert after["accounts"][0]["accountid"] != before["accounts"][0]["accountid"]


def test_accounts_without_a_number_all_load(folder):
    write(folder / "accounts.csv", [ACCOUNT | {"account_number": ""}, ACCOUNT | {"account_number": ""}])

    accounts = loaded(folder)["accounts"]

    assert ["accountnumber" in account for account in accounts] == [False, False]
    assert len({account["accountid"] for account in accounts}) == 2


def test_numbers_that_differ_only_in_case_are_for_the_flow_to_judge(folder):
    write(folder / "accounts.csv", [ACCOUNT, ACCOUNT | {"account_number": "aw00000585"}])

    assert [a["accountnumber"] for a in loaded(folder)["accounts"]] == ["AW00000585", "aw00000585"]


def test_a_customer_that_only_orders_name_becomes_an_account(folder):
    write(
        folder / "sales_orders.csv",
        [
            ORDER,
            ORDER | {"order_number": "SO2", "account_number": "NEW-1", "currency_code": "EUR"},
            ORDER | {"order_number": "SO3", "account_number": "NEW-1"},
        ],
    )

    sets = loaded(folder)

    assert [a["accountnumber"] for a in sets["accounts"]] == ["AW00000585", "NEW-1"]
    customer = sets["accounts"][1]
    assert (customer["name"], customer["address1_city"], customer["address1_country"]) == (
        "NEW-1",
        "Auburn",
        "United States",
    )
    assert [c["isocurrencycode"] for c in sets["transactioncurrencies"]] == ["EUR", "USD"]


def test_a_byte_order_mark_other_columns_and_another_order_do_no_harm(folder):
    write(
        folder / "accounts.csv",
        [{"remark": "x"} | dict(reversed(ACCOUNT.items()))],
        encoding="utf-8-sig",
    )
    write(folder / "currencies.csv", [{"code": "USD", "name": "US Dollar"}], encoding="utf-8-sig")
    (folder / "countries.csv").write_text("code,name\nAD,Andorra\n", encoding="utf-8")

    assert loaded(folder)["accounts"][0]["name"] == "Next-Door Bike Store"


def test_dates_without_offset_are_utc(folder):
    for written, meant in {
        "2025-01-31": "2025-01-31T00:00:00Z",
        "2025-01-31T23:30:00+02:00": "2025-01-31T21:30:00Z",
        "2025-01-31 23:30:00.999": "2025-01-31T23:30:00Z",
    }.items():
        write(folder / "accounts.csv", [ACCOUNT | {"modified_at": written}])
        assert loaded(folder)["accounts"][0]["modifiedon"] == meant


def test_every_row_of_a_folder_fits_the_fields_of_its_entity(folder):
    write(folder / "sales_orders.csv", [ORDER | {"account_number": "NEW-1", "currency_code": "EUR"}])
    records = list(load_folder(folder))

    assert len(records) > 30
    assert sorted(set(misfits(records))) == []


def test_a_large_file_is_streamed(folder):
    rows = [ACCOUNT | {"account_number": f"A{n}", "remark": "x" * 10_000} for n in range(2_000)]
    write(folder / "accounts.csv", rows)

    tracemalloc.start()
    count = sum(1 for _, entity_set, _ in load_folder(folder) if entity_set == "accounts")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 2_000
    assert peak < 5_000_000 < (folder / "accounts.csv").stat().st_size


TOMORROW = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d} 00:00:00"
BAD_CELLS = [
    ("accounts.csv", ACCOUNT, "annual_revenue", "80,000", "'80,000' is not a number"),
    ("accounts.csv", ACCOUNT, "annual_revenue", "1e400", "is out of range"),
    ("accounts.csv", ACCOUNT, "annual_revenue", "NaN", "'NaN' is not a number"),
    ("accounts.csv", ACCOUNT, "annual_revenue", "١٢", "is not a number"),
    ("accounts.csv", ACCOUNT, "employees", "12x", "'12x' is not a number"),
    ("accounts.csv", ACCOUNT, "employees", "12.5", "'12.5' is not a whole number"),
    ("accounts.csv", ACCOUNT, "employees", "-1", "'-1' is out of range"),
    ("accounts.csv", ACCOUNT, "modified_at", "31.01.2025", "'31.01.2025' is not a date"),
    ("accounts.csv", ACCOUNT, "modified_at", "0001-01-01T00:00:00+05:00", "is not a date"),
    ("accounts.csv", ACCOUNT, "modified_at", TOMORROW, "lies in the future"),
    ("accounts.csv", ACCOUNT, "currency_code", "XXX", "'XXX' is no code in currencies.csv"),
    ("accounts.csv", ACCOUNT, "name", "", "'' must not be empty"),
    ("accounts.csv", ACCOUNT, "name", "N" * 161, "has 161 characters, 160 fit"),
    ("accounts.csv", ACCOUNT, "account_number", "A" * 21, "has 21 characters, 20 fit"),
    ("products.csv", PRODUCT, "list_price", "12,50", "'12,50' is not a number"),
    ("products.csv", PRODUCT, "sales_uom", "ea", "'ea' is no code in units_of_measure.csv"),
    ("products.csv", PRODUCT, "is_sellable", "yes", "'yes' is unknown. Write true or false."),
    ("products.csv", PRODUCT, "product_number", "", "'' must not be empty"),
    ("products.csv", PRODUCT, "sell_end", "soon", "'soon' is not a date"),
    ("sales_orders.csv", ORDER, "account_number", " aw00000585", "is written 'AW00000585' elsewhere"),
    ("sales_orders.csv", ORDER, "account_number", "", "'' must not be empty"),
    ("sales_orders.csv", ORDER, "currency_code", "usd", "'usd' is no code in currencies.csv"),
]


@pytest.mark.parametrize(("file", "row", "column", "value", "complaint"), BAD_CELLS)
def test_a_bad_cell_is_named_with_file_line_column_and_value(folder, file, row, column, value, complaint):
    key = next(iter(row))
    write(folder / file, [row | {key: "OTHER"}, row | {column: value}])

    sentence = refusal(folder)

    assert sentence.startswith(f"{file}, line 3, column {column}: ")
    assert complaint in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("file", "row", "column"),
    [("accounts.csv", ACCOUNT, "account_number"), ("products.csv", PRODUCT, "product_number")],
)
def test_a_key_that_stands_twice_is_named_with_both_lines(folder, file, row, column):
    write(folder / file, [row, row | {column: "OTHER"}, row])

    assert f"{file}, line 4, column {column}: '{row[column]}' stands on line 2 already" in refusal(folder)


@pytest.mark.parametrize(
    ("file", "row", "column", "again"),
    [
        ("products.csv", PRODUCT, "product_number", "fr-r92b-58 "),
        ("units_of_measure.csv", {"code": "EA", "name": "Each"}, "code", "ea"),
        ("currencies.csv", {"code": "USD", "name": "US Dollar"}, "code", "Usd"),
    ],
)
def test_keys_that_finance_takes_for_the_same_are_refused(folder, file, row, column, again):
    write(folder / file, [row, row | {column: again}])

    assert f"{file}, line 3, column {column}: {again!r} stands on line 2 already" in refusal(folder)


def test_units_of_one_name_are_one_unit_in_sales(folder):
    write(
        folder / "units_of_measure.csv",
        [
            {"code": "PCE", "name": "each"},
            {"code": "EA", "name": "Each"},
            {"code": "BX", "name": "Box"},
        ],
    )

    sets = loaded(folder)

    assert [u["UnitSymbol"] for u in sets["UnitsOfMeasure"]] == ["PCE", "EA", "BX"]
    assert [(u["name"], u["isschedulebaseuom"]) for u in sets["uoms"]] == [("Each", True), ("Box", False)]


@pytest.mark.parametrize("file", ["accounts.csv", "products.csv", "units_of_measure.csv", "currencies.csv"])
def test_a_missing_file_is_named_with_the_columns_it_needs(folder, file):
    (folder / file).unlink()

    sentence = refusal(folder)

    assert sentence.startswith(f"{file} is missing in {folder}. Put the file there; its columns are ")


def test_a_missing_folder_is_named(tmp_path):
    assert f"There is no folder {tmp_path / 'nowhere'}." in refusal(tmp_path / "nowhere")


def test_a_missing_column_is_named(folder):
    write(folder / "accounts.csv", [{c: v for c, v in ACCOUNT.items() if c != "employees"}])

    sentence = refusal(folder)

    assert sentence.startswith("accounts.csv, line 1: column employees is missing.")
    assert "account_number, name, phone" in sentence


def test_an_empty_file_lacks_its_header_row(folder):
    (folder / "accounts.csv").write_text("", encoding="utf-8")

    assert "column account_number is missing. The header row has nothing" in refusal(folder)


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_another_separator_is_named(folder, delimiter, name):
    write(folder / "accounts.csv", [ACCOUNT], delimiter=delimiter)

    assert (
        refusal(folder)
        == f"accounts.csv, line 1: columns are separated by {name}. Save it again with commas."
    )


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_another_encoding_is_named(folder, encoding):
    write(folder / "accounts.csv", [ACCOUNT | {"name": "Müller"}], encoding=encoding)

    sentence = refusal(folder)

    assert sentence.startswith("accounts.csv is not UTF-8 text")
    assert "Save it again as 'CSV UTF-8'" in sentence


def test_a_column_that_stands_twice_is_named(folder):
    (folder / "currencies.csv").write_text("code,name,code\nUSD,US Dollar,USD\n", encoding="utf-8")

    assert refusal(folder) == "currencies.csv, line 1: column code stands there twice. Keep one of them."


def test_a_row_with_too_many_cells_is_named(folder):
    (folder / "currencies.csv").write_text("code,name\nUSD,US Dollar\nXAU,Gold, ounce\n", encoding="utf-8")

    assert refusal(folder).startswith("currencies.csv, line 3: the row has 3 cells, the header row 2.")


def test_a_quotation_mark_that_is_not_closed_is_named(folder):
    (folder / "currencies.csv").write_text('code,name\nUSD,US Dollar\nXAU,"Gold\n', encoding="utf-8")

    assert refusal(folder).startswith("currencies.csv, line 3: the row cannot be read")


def test_a_row_is_named_by_the_line_it_begins_on_whatever_lines_its_cells_span(folder):
    rows = [ACCOUNT | {"name": "A\nB"}, ACCOUNT | {"account_number": "2", "name": "C\nD", "employees": "x"}]
    write(folder / "accounts.csv", rows)

    assert refusal(folder).startswith("accounts.csv, line 4, column employees: 'x' is not a number")


def test_products_need_their_currency(folder):
    write(folder / "accounts.csv", [ACCOUNT | {"currency_code": "EUR"}])
    write(folder / "currencies.csv", [{"code": "EUR", "name": "EURO"}])

    assert refusal(folder) == "currencies.csv lacks USD, in which products are priced. Add its line."


def test_products_need_a_unit(folder):
    (folder / "units_of_measure.csv").write_text("code,name\n", encoding="utf-8")

    assert refusal(folder).startswith("units_of_measure.csv has no unit.")


def test_nothing_is_handed_out_from_a_folder_with_a_mistake_in_its_last_line(folder):
    shutil.copy(folder / "accounts.csv", folder / "kept.csv")
    write(folder / "accounts.csv", [ACCOUNT, ACCOUNT | {"account_number": "2", "employees": "many"}])

    with pytest.raises(RecordsError, match="'many' is not a number"):
        load_folder(folder)
