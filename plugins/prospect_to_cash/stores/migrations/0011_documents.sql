-- Parts of a document that are gone, keys that the target assigns, and the brake.

alter table sync.plan drop constraint plan_action_check;
alter table sync.plan add constraint plan_action_check
check (action in ('create', 'update', 'deactivate', 'remove'));

-- The driving record that a delivered record belongs to: what a later plan looks at to see which parts are gone.
alter table sync.ledger add column document text collate "C";
update sync.ledger as ledger
set document = coalesce(
    (
        select plan.document from sync.plan as plan
        where plan.env_id = ledger.env_id and plan.write = ledger.write and plan.source_key = ledger.source_key
        order by plan.run_id desc limit 1
    ),
    ledger.source_key
);
create index ledger_document on sync.ledger (env_id, write, document);

-- A plan that a person has to release first: what it was about to do.
alter table sync.run add column brake jsonb;

-- What the target answered about a record of ours (numbers that it assigns) may take part in a mapping.
grant usage on schema sync to p2c_dbt;
grant select on sync.identity to p2c_dbt;

-- The raw tables that a build's models stand on, whichever flow reads them: where the next one looks for news.
alter table sync.builds add column tables text [];
