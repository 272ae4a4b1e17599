-- Up to where the changes of an entity are known: the link that brings the next ones, stored with the rows of the page
-- that brought it. A link holds for the fields that were selected with it (select_hash). One that a full read brought is
-- settled once that read is complete, deletes included; until then nothing goes on from it.
create table sync.change_link (
    env_id text not null,
    entity text not null,
    select_hash text not null,
    link text not null,
    settled boolean not null,
    given_at timestamptz not null default clock_timestamp(),
    primary key (env_id, entity)
);

-- What kind of read is under way: plain pages, everything with change tracking, or the changes since a link. One kind
-- never goes on with what another one began.
alter table sync.reading add column kind text not null default 'plain'
    check (kind in ('plain', 'tracked', 'changes'));

grant select, insert, update, delete on sync.change_link to p2c_loader;
grant select on sync.change_link to p2c_console;
