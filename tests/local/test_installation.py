"""The dbt project of the local stack: preset sample, unless the user names a project."""

import shutil

import pytest

from local.environment import settings_used
from local.errors import LocalError
from local.installation import sample_project
from local.paths import Paths
from prospect_to_cash.installation.project import declared_vars
from tests.local.conftest import ROOT


@pytest.fixture
def paths(tmp_path):
    return Paths(ROOT, tmp_path / "home")


def test_the_settings_are_those_of_preset_sample_and_written_anew_each_time(paths):
    folder = sample_project(paths)
    (folder / "dbt_project.yml").write_text("name: edited")

    assert sample_project(paths) == folder == paths.home / "installation"

    assert declared_vars(folder)["company_from"] == "business_unit"
    assert (folder / "dbt_packages" / "prospect_to_cash").resolve() == ROOT / "dbt_project"


def test_the_output_names_the_settings(monkeypatch):
    monkeypatch.delenv("P2C_DBT_PROJECT", raising=False)
    assert settings_used({"P2C_DBT_PROJECT": "/home/x"}) == "Settings: preset sample, in /home/x."

    monkeypatch.setenv("P2C_DBT_PROJECT", "/own")
    named = {"P2C_DBT_PROJECT": "/own", "P2C_DBT_VARS": "{}"}
    assert settings_used(named) == "Settings: dbt project /own (P2C_DBT_PROJECT); P2C_DBT_VARS counts more."


def test_a_project_that_cannot_be_made_is_a_sentence(paths, tmp_path):
    shutil.copytree(ROOT / "dbt_project", tmp_path / "dbt_project", ignore=shutil.ignore_patterns("models"))
    text = (tmp_path / "dbt_project" / "dbt_project.yml").read_text()
    (tmp_path / "dbt_project" / "dbt_project.yml").write_text(text.replace("  line_discount: per_unit", ""))

    with pytest.raises(
        LocalError, match=r"Preset sample sets var 'line_discount', which .* does not declare"
    ):
        sample_project(Paths(tmp_path, paths.home))
