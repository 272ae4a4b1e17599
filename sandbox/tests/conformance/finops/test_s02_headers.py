"""F&O fact sheet, section 2: headers of answers."""

import pytest


@pytest.mark.parametrize("path", ["Currencies", "Currencies('USD')", "Currencies/$count", "", "NoSuchSet"])
def test_s02_every_answer_names_its_activity(finops, path):
    ids = {finops.get(path).headers["ms-dyn-aid"] for _ in range(2)}
    assert len(ids) == 2


def test_s02_the_json_metadata_needs_a_token_too(finops):
    finops.session.headers["Authorization"], kept = "", finops.session.headers["Authorization"]
    try:
        assert finops.get(f"{finops.url}/metadata/DataEntities").status_code == 401
    finally:
        finops.session.headers["Authorization"] = kept
    assert finops.get(f"{finops.url}/metadata/DataEntities").status_code == 200


@pytest.mark.parametrize("function", ["tolower", "toupper"])
@pytest.mark.parametrize("path", ["DataEntities", "PublicEntities"])
def test_s02_the_json_metadata_is_searched_without_regard_to_case(finops, path, function):
    found = finops.rows(f"{finops.url}/metadata/{path}?$filter=contains({function}(Name),'customergroup')")
    assert found
    assert all("customergroup" in row["Name"].lower() for row in found)
