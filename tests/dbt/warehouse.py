"""Land records in raw tables, build a flow with dbt in this process, and query the results."""

import json
import os
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

import psycopg2
from psycopg2 import sql
from psycopg2.extras import RealDictCursor, execute_values

from prospect_to_cash.flow_card import load_cards
from prospect_to_cash.transform.dbt_run import raw_tables

ROOT = Path(__file__).resolve().parents[2]
DBT_PROJECT = ROOT / "dbt_project"
ENVIRONMENTS = {"sales": "org-1", "finops": "erp.example"}
STAGING_VARS = (
    "sales_env_id", "finops_env_id", "own_fields", "company_column", "contact_company_column", "contact_number_column",
)  # fmt: skip
"""Vars that staging models read."""
USD, EUR, CHF, SEK = (f"00000000-0000-4000-8000-0000000000c{n}" for n in range(4))
RETAIL, WHOLESALE, CLOSED, EURO_LIST = (f"00000000-0000-4000-8000-0000000000d{n}" for n in range(4))
GROUP, OTHER_GROUP = (f"00000000-0000-4000-8000-0000000000e{n}" for n in range(2))
EACH, BOX, OTHER_EACH = (f"00000000-0000-4000-8000-0000000000f{n}" for n in range(3))


def guid(kind: str, n: int) -> str:
    """A fixed id for record ``n`` of a kind, readable in a failure."""
    return f"{uuid.uuid5(uuid.NAMESPACE_URL, kind)!s}"[:24] + f"{n:012}"


class Warehouse:
    """Raw tables, dbt and its results in one database.

    A build leaves out the staging models whose raw tables are as they were when the model was last built, as the transform
    of a run does; most of a small build is the staging of reference data. ``skips_unchanged = False`` builds all.
    """

    # The warehouse that built last in a database: another one may have other SQL.
    builders: ClassVar[dict[str, "Warehouse"]] = {}

    def __init__(self, url: str, folder: Path, project: Path = DBT_PROJECT, target: str = "prod"):
        self.url = url
        self.target = target
        self.project = project
        self.manifest = None
        self.folder = folder
        self.reads = {
            (read.system, read.entity): read
            for card in load_cards(ROOT / "dags" / "flows", DBT_PROJECT)
            for read in card.reads
        }
        self.skips_unchanged = "P2C_NO_SKIP" not in os.environ
        # Raw tables whose staging is built of their rows; raw tables in which only the reference data has landed.
        self.staged: set[str] = set()
        self.untouched: set[str] = set()
        self.staging_vars: dict[str, object] = {}
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def empty(self) -> None:
        """Remove everything but the reference data and the seeds."""
        raw = [f"raw.{read.name}" for read in self.reads.values()]
        kept = self._staged_models(self.staged & self.untouched) if self.is_last_builder() else {}
        self.run(f"truncate {', '.join(dict.fromkeys(raw))}, raw.quarantine, sync.identity")
        built = self.rows(
            """
            select schemaname || '.' || tablename as name from pg_tables
            where schemaname in ('staging', 'canonical', 'validation', 'outbound')
            """
        )
        dropped = [row["name"] for row in built if row["name"].removeprefix("staging.") not in kept]
        if dropped:
            self.run(f"drop table {', '.join(dropped)}")
        self.reference_data()
        self.staged = {table for tables in kept.values() for table in tables}
        self.untouched = {name.removeprefix("raw.") for name in raw} | {"quarantine"}

    def is_last_builder(self) -> bool:
        return self.builders.get(self.url) is self

    def touch(self, *tables: str) -> None:
        """Note that rows of these raw tables may have changed."""
        self.staged -= set(tables)
        self.untouched -= set(tables)

    def _staged_models(self, tables: set[str]) -> dict[str, set[str]]:
        """{staging model: its raw tables} of the models that read some of these raw tables and nothing else."""
        manifest = self.parsed()
        found = {}
        for node in manifest.nodes.values():
            sources = [manifest.sources.get(name) for name in getattr(node.depends_on, "nodes", [])]
            if node.schema != "staging" or node.resource_type != "model" or not sources or None in sources:
                continue
            names = {source.identifier for source in sources if source.schema == "raw"}
            if len(names) == len(sources) and names <= tables:
                found[node.name] = names
        return found

    def land(self, system: str, entity: str, *rows: dict) -> list[str]:
        """Land rows as extract does; returns their keys."""
        read = self.reads[system, entity]
        keys = [self.key(read, row) for row in rows]
        self.touch(read.name)
        with self.connection.cursor() as cursor:
            execute_values(
                cursor,
                f"""
                insert into raw.{read.name} (env_id, key, payload, content_hash, observed_at) values %s
                on conflict (env_id, key) do update set
                    payload = excluded.payload, observed_at = excluded.observed_at, deleted_at = null,
                    absent_reads = 0,
                    landed_xid = pg_current_xact_id()
                """,
                [
                    (ENVIRONMENTS[system], key, json.dumps(row, ensure_ascii=False))
                    for key, row in zip(keys, rows, strict=True)
                ],
                template="(%s, %s, %s, md5('')::uuid, now())",
            )
        return keys

    @staticmethod
    def key(read, row: dict) -> str:
        values = [str(row[name]).lower() if name == "dataAreaId" else str(row[name]) for name in read.key]
        return values[0] if len(values) == 1 else json.dumps(values, ensure_ascii=False)

    def vanish(self, system: str, entity: str, key: str, absent_reads: int = 1) -> None:
        """Mark a record as deleted, absent from ``absent_reads`` complete reads."""
        self.run(
            f"""
            update raw.{self.reads[system, entity].name}
            set deleted_at = now(), absent_reads = %s, landed_xid = pg_current_xact_id() where key = %s
            """,
            absent_reads,
            key,
        )

    def quarantine(self, system: str, entity: str, key: str, field: str) -> None:
        self.run(
            """
            insert into raw.quarantine (env_id, system, entity, key, reason, field, payload_text, observed_at)
            values (%s, %s, %s, %s, 'a zero character', %s, '', now())
            """,
            ENVIRONMENTS[system], system, entity, key, field,
        )  # fmt: skip

    def account(self, n: int, **fields: object) -> str:
        """A valid account, except for the fields that the test passes; returns its id."""
        row = {
            "@odata.etag": f'W/"{n}"',
            "accountid": guid("account", n),
            "accountnumber": f"A-{n:04}",
            "name": f"Account {n}",
            "statecode": 0,
            "customertypecode": 3,
            "_transactioncurrencyid_value": USD,
            "address1_line1": f"{n} Oak St",
            "address1_city": "Reno",
            "address1_stateorprovince": "NV",
            "address1_postalcode": "89501",
            "address1_country": "United States",
        } | fields
        return self.land("sales", "accounts", row)[0]

    def contact(self, n: int, account: str | None = None, **fields: object) -> str:
        """A valid contact, except for the fields that the test passes; returns its id."""
        row = {
            "@odata.etag": f'W/"{n}"',
            "contactid": guid("contact", n),
            "firstname": "Ann",
            "lastname": f"Contact {n}",
            "statecode": 0,
            "donotemail": False,
            "_parentcustomerid_value": account,
            "_transactioncurrencyid_value": USD,
            "address1_line1": f"{n} Elm St",
            "address1_city": "Reno",
            "address1_stateorprovince": "NV",
            "address1_postalcode": "89501",
            "address1_country": "United States",
        } | fields
        return self.land("sales", "contacts", row)[0]

    def sells_to(self, customer: str, entity: str = "quotes") -> str:
        """A sales document (quotes, salesorders, invoices) of a customer; returns its id."""
        key = self.reads["sales", entity].key[0]
        return self.land("sales", entity, {key: str(uuid.uuid4()), "_customerid_value": customer})[0]

    def delivered(self, entity: str, key: str, company: str = "usmf", **answer: str) -> None:
        """Store the identity of a delivered record, with the values that F&O returned for it."""
        self.run(
            """
            insert into sync.identity (env_id, entity, source_key, company, target_key, answer, pinned_run)
            values (%s, %s, %s, %s, jsonb_build_object('key', %s), %s, 1)
            """,
            ENVIRONMENTS["finops"], entity, key, company, key, json.dumps(answer),
        )  # fmt: skip

    def product(
        self, number: str, company: str = "usmf", price_quantity: object = 1, **fields: object
    ) -> str:
        """A sellable product, and the item with its price quantity; returns its key."""
        base = {"dataAreaId": company, "ProductNumber": number}
        if price_quantity is not None:
            item = {"dataAreaId": company, "ItemNumber": f"I-{number}"}
            self.land("finops", "CDSReleasedDistinctProducts", {**base, **item})
            self.land("finops", "ReleasedProductsV2", {**item, "SalesPriceQuantity": price_quantity})
        row = {
            **base,
            "ProductName": f"Product {number}",
            "ProductDescription": "",
            "ProductType": "Item",
            "CurrencyCode": {"usmf": "USD", "demf": "EUR"}.get(company, "USD"),
            "SalesPrice": 10.5,
            "UnitCost": 7,
            "SalesUnitSymbol": "ea",
            "SalesUnitDecimalPrecision": 0,
            "IsSalesStopped": "No",
        } | fields
        return self.land("finops", "SellableReleasedProducts", row)[0]

    def sales_product(self, n: int, number: str, **fields: object) -> str:
        """A product in Sales; returns its id."""
        row = {
            "productid": guid("product", n),
            "productnumber": number,
            "productstructure": 1,
            "statecode": 2,
            "_defaultuomscheduleid_value": GROUP,
        } | fields
        return self.land("sales", "products", row)[0]

    def quote(self, n: int, lines: int = 1, **fields: object) -> str:
        """A valid active quote, except for the fields that the test passes; returns its document key.

        Its customer is account 1; it has ``lines`` lines of product P-1 (``sales_product`` 1), 2 each at 10.50.
        """
        row = {
            "quoteid": guid("quote", n),
            "quotenumber": f"QUO-{n:04}",
            "revisionnumber": 0,
            "name": f"Quote {n}",
            "statecode": 1,
            "statuscode": 2,
            "_customerid_value": guid("account", 1),
            "_transactioncurrencyid_value": USD,
            "requestdeliveryby": "2026-03-01T00:00:00Z",
            "totallineitemamount": 21 * lines,
            "shipto_line1": "1 Oak St",
            "shipto_city": "Reno",
            "shipto_stateorprovince": "NV",
            "shipto_postalcode": "89501",
            "shipto_country": "United States",
        } | fields
        self.land("sales", "quotes", row)
        for number in range(1, lines + 1):
            self.quote_line(n, number, _quoteid_value=row["quoteid"])
        number = str(row["quotenumber"] or "").strip()
        return number.lower() if number else f"ID {row['quoteid']}"

    def quote_line(self, n: int, number: int, **fields: object) -> str:
        """A line of quote ``n``; returns its id."""
        row = {
            "quotedetailid": guid(f"quote line {n}", number),
            "_quoteid_value": guid("quote", n),
            "lineitemnumber": number,
            "producttypecode": 1,
            "isproductoverridden": False,
            "_productid_value": guid("product", 1),
            "_uomid_value": EACH,
            "quantity": 2,
            "priceperunit": 10.5,
            "extendedamount": 21,
        } | fields
        return self.land("sales", "quotedetails", row)[0]

    def reference_data(self) -> None:
        """Companies usmf and demf with the defaults of accounts; currencies, price lists and units of Sales."""
        for company in ("usmf", "demf"):
            self.land("finops", "LegalEntities", {"LegalEntityId": company.upper()})
            self.land("finops", "CustomerGroups", {"dataAreaId": company, "CustomerGroupId": "10"})
            self.land("finops", "OperationalSites", {"dataAreaId": company, "SiteId": "1"})
            for role in ("Decision Maker", "Influencer"):
                self.land("finops", "DecisionMakingRoles", {"dataAreaId": company, "RoleName": role})
            self.land(
                "finops",
                "Warehouses",
                {"dataAreaId": company, "WarehouseId": "13", "OperationalSiteId": "1"},
                {"dataAreaId": company, "WarehouseId": "24", "OperationalSiteId": "2"},
            )
        self.land("finops", "Currencies", *({"CurrencyCode": code} for code in ("USD", "EUR", "CHF")))
        self.land(
            "finops",
            "UnitsOfMeasure",
            {"UnitSymbol": "ea", "UnitDescription": "Each"},
            {"UnitSymbol": "pal", "UnitDescription": "Pallet"},
        )
        for code, currency in (("USD", USD), ("EUR", EUR), ("CHF", CHF), ("SEK", SEK)):
            row = {"transactioncurrencyid": currency, "isocurrencycode": code, "statecode": 0}
            self.land("sales", "transactioncurrencies", row)
        for name, price_list, currency, state in (
            ("Wholesale USD", WHOLESALE, USD, 0),
            ("retail USD", RETAIL, USD, 0),
            ("Archive USD", CLOSED, USD, 1),
            ("Euro", EURO_LIST, EUR, 0),
        ):
            row = {
                "pricelevelid": price_list,
                "name": name,
                "statecode": state,
                "_transactioncurrencyid_value": currency,
            }
            self.land("sales", "pricelevels", row)
        for name, group in (("Default Unit", GROUP), ("Freight", OTHER_GROUP)):
            self.land("sales", "uomschedules", {"uomscheduleid": group, "name": name, "statecode": 0})
        for name, unit, group in (
            ("Each", EACH, GROUP),
            ("Box", BOX, GROUP),
            ("Each", OTHER_EACH, OTHER_GROUP),
        ):
            self.land("sales", "uoms", {"uomid": unit, "name": name, "_uomscheduleid_value": group})

    def connect_environments(self, **refused: dict) -> None:
        """Bind the connections of both systems, as extract does; ``refused``: an identity by system."""
        for system, env_id in ENVIRONMENTS.items():
            identity = {"env_id": env_id} | ({"companies": ["usmf", "demf"]} if system == "finops" else {})
            self.run(
                "insert into sync.environment values (%s, %s, %s) on conflict do nothing",
                env_id, system, json.dumps(identity),
            )  # fmt: skip
            self.run(
                "insert into sync.connection_environment values (%s, %s, %s)",
                f"d365_{system}", env_id, json.dumps(refused[system]) if system in refused else None,
            )  # fmt: skip

    def relations(self, prefix: str = "") -> dict[str, list[str]]:
        """{relation: its rows as text}, of all that dbt has built."""
        tables = self.rows(
            """
            select schemaname, tablename from pg_tables where schemaname in
            (select %s || name from unnest(array['staging', 'canonical', 'validation', 'outbound', 'seeds']) as name)
            """,
            prefix,
        )
        found = {}
        for table in tables:
            relation = sql.Identifier(table["schemaname"], table["tablename"])
            rows = self.rows(sql.SQL("select r::text as row from {} as r order by 1").format(relation))
            name = f"{table['schemaname'].removeprefix(prefix)}.{table['tablename']}"
            found[name] = [row["row"] for row in rows]
        return found

    def cut(self) -> str:
        """The cut of the next build, which then takes in everything that lands from now on."""
        return self.one("select pg_snapshot_xmin(pg_current_snapshot())::text")

    def seed(self) -> None:
        """Load every seed; the builds of tests exclude seeds."""
        self._invoke("seed", True)

    def unit_tests(self, **variables: object) -> object:
        """Run the unit tests of the models."""
        return self._invoke("test", True, "--select", "test_type:unit", **variables)

    def compile(self, **variables: object) -> object:
        """dbt's result of compiling every model."""
        return self._invoke("compile", True, **variables)

    def build(self, flow: str, *arguments: str, expect: bool = True, **variables: object) -> object:
        """Run `dbt build` for a flow and return dbt's result; ``expect`` is whether it must succeed."""
        if not self.is_last_builder() or not self.skips_unchanged or self._vars_of_staging(variables):
            self.staged.clear()
        self.builders[self.url] = self
        selected = ["--select", f"+tag:{flow}", "--indirect-selection", "buildable"]
        excluded = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "seed"]
        excluded += ["--exclude", "unit_tests", *self._staged_models(self.staged)]
        # A third of the time of a small build: artifacts and logs that nobody reads, and all relations of the database.
        cheap = ["--no-write-json", "--log-level-file", "none", "--cache-selected-only", "--threads", "2"]
        result = self._invoke("build", expect, *selected, *excluded, *cheap, *arguments, **variables)
        if expect and not arguments:
            self.staged |= set(raw_tables(self.parsed(), flow))
        return result

    def _vars_of_staging(self, variables: dict[str, object]) -> bool:
        """Whether a var that the staging reads differs from that of the build before."""
        before, self.staging_vars = self.staging_vars, {name: variables.get(name) for name in STAGING_VARS}
        return before != self.staging_vars

    def _invoke(self, command: str, expect: bool, *arguments: str, **variables: object) -> object:
        run_vars = {
            "sales_env_id": ENVIRONMENTS["sales"],
            "finops_env_id": ENVIRONMENTS["finops"],
            "companies": ["usmf", "demf"],
            "build_id": 1,
        } | variables
        return self.invoke([command, *arguments, "--vars", json.dumps(run_vars)], expect)

    def invoke(self, words: list[str], expect: bool = True) -> object:
        """dbt's result of a command, to which only the places of this warehouse are added."""
        from dbt.cli.main import dbtRunner

        os.environ.update(self._environment())
        arguments_of_dbt = ["--quiet", *words, *self.places()]
        runner = dbtRunner(manifest=self.parsed())
        # In a thread of its own: dbt walks the call stack several times, and that of pytest is long.
        with ThreadPoolExecutor(1) as thread:
            result = thread.submit(runner.invoke, arguments_of_dbt).result()
        assert result.success is expect, self.failures(result)
        return result

    def parsed(self):
        """dbt's manifest, parsed once: vars are only used when a model is compiled, after parsing."""
        from dbt.cli.main import dbtRunner

        if self.manifest is None:
            os.environ.update(self._environment())
            parsed = dbtRunner().invoke(["--quiet", "parse", *self.places()])
            assert parsed.success, parsed.exception
            self.manifest = parsed.result
        return self.manifest

    def places(self) -> list[str]:
        return [
            "--project-dir", str(self.project), "--profiles-dir", str(self.project),
            "--target", self.target, "--target-path", str(self.folder), "--log-path", str(self.folder),
        ]  # fmt: skip

    @staticmethod
    def failures(result) -> list[str]:
        if result.exception or not hasattr(result.result, "results"):
            return [str(result.exception)]
        return [f"{r.node.name}: {r.message}" for r in result.result.results if r.status in ("error", "fail")]

    def _environment(self) -> dict[str, str]:
        parts = urlsplit(self.url)
        return {
            "P2C_DB_HOST": parts.hostname,
            "P2C_DB_PORT": str(parts.port),
            "P2C_DB_NAME": parts.path.lstrip("/"),
            "P2C_DB_USER": unquote(parts.username),
            "P2C_DB_PASSWORD": unquote(parts.password or ""),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        }

    def violations(self, flow: str, key: str) -> dict[str, str]:
        """{broken rule: effect} of one record."""
        rows = self.rows(
            f"select broken_rule, effect from validation.violations_{flow} where source_key = %s", key
        )
        return {row["broken_rule"]: row["effect"] for row in rows}

    def envelope(self, relation: str, key: str) -> dict | None:
        """The envelope row of a record, or None."""
        rows = self.rows(
            sql.SQL("select * from outbound.{} where source_key = %s").format(
                sql.Identifier(f"outbound_{relation}")
            ),
            key,
        )
        return rows[0] if rows else None

    def documents(self, key: str, *relations: str) -> dict[str, tuple[str, str]]:
        """{relation: (source_key, operation)} of the envelopes of a contact."""
        found = {}
        for relation in relations or ("finops__contact_persons", "finops__contact_customers"):
            statement = sql.SQL("select source_key, operation from outbound.{} where document = %s")
            rows = self.rows(statement.format(sql.Identifier(f"outbound_{relation}")), key)
            for row in rows:
                found[relation] = (row["source_key"], row["operation"])
        return found

    def rows(self, statement, *values) -> list[dict]:
        with self.connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(statement, values)
            return [dict(row) for row in cursor.fetchall()]

    def one(self, statement, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone()[0]

    def run(self, statement, *values) -> None:
        self.touch(*re.findall(r"\braw\.(\w+)", statement))
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
