"""The dbt project of this installation: its folder, the package that it builds on, and its vars."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml

from prospect_to_cash.errors import Misconfigured

VARIABLE = "P2C_DBT_PROJECT"
NAME = "prospect_to_cash"
GUIDE = "docs/installation.md"
_BESIDE_PLUGINS = Path(__file__).resolve().parents[3] / "dbt_project"
_GONE = {
    "P2C_PRESET": "the preset is chosen with `p2c init --preset`, and its vars stand in the project",
    "P2C_OVERRIDES": "move vars.yml into the vars of its dbt_project.yml, and models, seeds and macros into its folders",
}
_TEMPLATE_SIGNS = ("{{", "{%", "{#")


def dbt_home() -> Path:
    """The folder of dbt's target and log folders, which stay after a failed build."""
    named = os.environ.get("P2C_DBT_HOME")
    return Path(named) if named else Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "dbt"


def dbt_project() -> Path:
    """The root project of every build: the installation's own one (``P2C_DBT_PROJECT``), by default the shipped one."""
    return dbt_projects()[0]


def dbt_projects() -> tuple[Path, ...]:
    """The root project and, if that is the installation's own, the shipped one that it uses as package.

    Raises Misconfigured when the folder is no dbt project, its packages are not installed, or a variable of an earlier
    version is set.
    """
    for name, way in _GONE.items():
        if os.environ.get(name, "").strip():
            raise Misconfigured(
                f"{name} is set, which this version does not know: make a dbt project of your own with `p2c init FOLDER`, "
                f"name it in {VARIABLE}, and unset {name}; {way} ({GUIDE})."
            )
    root = _root()
    package = package_of(root)
    return (root,) if package == root else (root, package)


def shipped_project() -> Path:
    """The project of this version: the one that is in use, whatever other variables say."""
    return package_of(_root())


def _root() -> Path:
    return Path(os.environ.get(VARIABLE) or _BESIDE_PLUGINS).expanduser().absolute()


def package_of(root: Path) -> Path:
    """Our project as a root project uses it. Raises Misconfigured when it is not installed there."""
    if project_name(root) == NAME:
        return root
    package = root / "dbt_packages" / NAME
    if not (package / "dbt_project.yml").is_file():
        raise Misconfigured(
            f"{root} has no package {NAME}: install it with `dbt deps --project-dir {root} --profiles-dir {root}`."
        )
    return package


def project_name(folder: Path) -> str:
    """The name in a folder's dbt_project.yml. Raises Misconfigured when there is none."""
    name = _content(folder).get("name")
    if not isinstance(name, str):
        raise Misconfigured(f"{folder / 'dbt_project.yml'} has no name.")
    return name


def installation_vars() -> dict[str, object]:
    """Every var with the value that it has for the package's models.

    Of defaults, vars of the installation's project and ``P2C_DBT_VARS`` the last counts. Raises Misconfigured for a var that
    the package does not declare, and for a text that dbt would run as a template.
    """
    projects = dbt_projects()
    values = declared_vars(projects[-1])
    where = projects[0] / "dbt_project.yml"
    own_names: set[str] = set()
    if len(projects) > 1:
        found = _vars(projects[0])
        own = _scope(where, found, project_name(projects[0]))
        _check_texts(str(where), own)
        own_names = set(own)
        shared = {
            name: value for name, value in found.items() if name not in (NAME, project_name(projects[0]))
        }
        named = shared | _scope(where, found, NAME)
        _check_names(str(where), named, values, project_name(projects[0]))
        values |= named
    values |= _checked(override_vars(), values, own_names)
    _check_texts(str(where), values)
    _check_own_rows(str(where), values, projects[-1])
    return values


def override_vars() -> dict[str, object]:
    """The vars of ``P2C_DBT_VARS``, which count more than those of the project."""
    try:
        own = json.loads(os.environ.get("P2C_DBT_VARS") or "{}")
    except ValueError:
        own = None
    if not isinstance(own, dict):
        raise Misconfigured(
            'P2C_DBT_VARS is not a JSON object of dbt vars, such as {"customer_group_id": "20"}.'
        )
    _check_texts("P2C_DBT_VARS", own)
    return own


def declared_vars(package: Path) -> dict[str, object]:
    """The vars that a project declares, with their defaults."""
    return dict(_vars(package))


def run_vars(environments: Mapping[str, str], companies: Sequence[str]) -> dict[str, object]:
    """What a run passes to dbt: both environments and the companies, and ``P2C_DBT_VARS``."""
    return override_vars() | {
        "sales_env_id": environments["sales"],
        "finops_env_id": environments["finops"],
        "companies": list(companies),
    }


def _checked(own: dict[str, object], known: Mapping[str, object], own_names: set[str]) -> dict[str, object]:
    _check_names("P2C_DBT_VARS", {name: value for name, value in own.items() if name not in own_names}, known)
    return own


def _check_names(where: str, named: Iterable[str], known: Iterable[str], own: str = "") -> None:
    """Refuse a var that nothing reads: dbt would pass over it in silence."""
    for name in sorted(set(named) - set(known)):
        near = difflib.get_close_matches(name, known, 1)
        advice = f"did you mean '{near[0]}'?" if near else "dbt_project.yml of the package lists the vars."
        if own:
            advice += f" Vars of your own models stand under `{own}:`."
        raise Misconfigured(f"{where} sets var '{name}', which nothing reads; {advice}")


def _check_texts(where: str, values: Mapping[str, object]) -> None:
    """Refuse a text with the marks of a template: dbt runs it when it reads the var, with all that it can see."""
    for name, value in values.items():
        found = [sign for sign in _TEMPLATE_SIGNS if isinstance(value, str) and sign in value]
        if found:
            raise Misconfigured(
                f"{where} sets var '{name}' to a text with {found[0]}, which dbt would run as a template: write the text without."
            )


def _check_own_rows(where: str, values: Mapping[str, object], package: Path) -> None:
    own = values.get("own_rows") or {}
    known = extendable_seeds(package)
    if not isinstance(own, Mapping):
        raise Misconfigured(
            f"{where}: var own_rows must map a seed to a seed of yours, as in {{country: country_contoso}}."
        )
    for name in sorted(set(map(str, own)) - set(known)):
        raise Misconfigured(
            f"{where}: var own_rows names seed '{name}'; rows can be added to {', '.join(known)}."
        )


def extendable_seeds(package: Path) -> list[str]:
    """The seeds that var own_rows may name, by their ``meta``."""
    found = []
    for path in sorted((package / "seeds").rglob("*.yml")):
        for seed in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("seeds", []):
            if seed.get("config", {}).get("meta", {}).get("key"):
                found.append(str(seed["name"]))
    return sorted(found)


def _scope(where: Path, found: Mapping[str, object], name: str) -> dict[str, object]:
    scoped = found.get(name) or {}
    if not isinstance(scoped, dict):
        raise Misconfigured(f"{where}: `{name}` under vars is not a mapping of vars.")
    return scoped


def _vars(folder: Path) -> dict[str, object]:
    found = _content(folder).get("vars") or {}
    if not isinstance(found, dict):
        raise Misconfigured(f"{folder / 'dbt_project.yml'}: vars is not a mapping.")
    return {str(name): value for name, value in found.items()}


def _content(folder: Path) -> dict[str, object]:
    path = folder / "dbt_project.yml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise Misconfigured(
            f"{folder} is no dbt project: it has no dbt_project.yml. Name the folder of one in {VARIABLE}; `p2c init` makes one."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} is not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict):
        raise Misconfigured(f"{path} is not a mapping of settings.")
    return content
