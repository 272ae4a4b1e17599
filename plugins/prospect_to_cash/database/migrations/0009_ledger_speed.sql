-- What a delivery costs per row. Results are as before; tests/load/test_shortcuts.py compares them with the general rules.

-- A body as the target takes it: fields of a block move to the top level, a guarded field is its value. Most bodies have
-- neither: looking for the names in the text is cheaper than going through the keys.
create or replace function sync.flatten(body jsonb) returns jsonb
language plpgsql immutable strict parallel safe as $$
declare
    spelled text := body::text;
    flat jsonb := body;
    top text;
begin
    if strpos(spelled, '"block:') = 0 and strpos(spelled, '"guard:') = 0 then
        return body;
    end if;
    foreach top in array array(select jsonb_object_keys(body)) loop
        if starts_with(top, 'guard:') then
            flat := (flat - top) || jsonb_build_object(substr(top, 7), body #> array[top, 'value']);
        elsif starts_with(top, 'block:') then
            flat := flat - top;
            if jsonb_typeof(body -> top) = 'object' then
                flat := flat || (body -> top);
            end if;
        end if;
    end loop;
    return flat;
end $$;

-- Property -> values that people may have set and that may be overwritten all the same.
create or replace function sync.guards(body jsonb) returns jsonb
language plpgsql immutable strict parallel safe as $$
begin
    if strpos(body::text, '"guard:') = 0 then
        return '{}';
    end if;
    return (
        select coalesce(jsonb_object_agg(substr(top.key, 7), coalesce(top.value -> 'over', '[]')), '{}')
        from jsonb_each(body) as top where starts_with(top.key, 'guard:')
    );
end $$;

-- The empty fields of a body that were never sent: not now, and not before (before are those of until now).
create or replace function sync.left_empty(body jsonb, sent jsonb, belief jsonb, before text []) returns text []
language plpgsql immutable parallel safe as $$
declare
    flat jsonb := sync.flatten(body);
begin
    if jsonb_strip_nulls(flat) = flat then
        return '{}';
    end if;
    return array(
        select field.key from jsonb_each(flat) as field
        where jsonb_typeof(field.value) = 'null' and not starts_with(field.key, 'ref:')
            and not coalesce(sent ? field.key, false) and (not belief ? field.key or field.key = any(before))
    );
end $$;

-- A small sample shows what the planner has to know: that the tables have rows, and how many.
alter function sync.refresh_statistics() set default_statistics_target = 10;

-- No statement looks for rows by these columns alone; an index that names doubt keeps every mark and every outcome from
-- updating its row in place.
drop index sync.ledger_unsure;

-- Room for the outcome beside the mark, for the answer beside the key, for the result beside what was planned: rows are
-- updated in place and no index entry is written. Therefore no index of these tables names a column that a result changes.
drop index sync.plan_next;
create index plan_next on sync.plan (run_id, write, seq);
alter table sync.ledger set (fillfactor = 50);
alter table sync.identity set (fillfactor = 45);
alter table sync.plan set (fillfactor = 50);
