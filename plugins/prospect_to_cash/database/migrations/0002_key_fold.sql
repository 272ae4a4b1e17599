-- When two keys may be one key for a target. Finance and Operations and Sales compare keys by their own collations, which
-- ignore case, width, trailing blanks and characters without a weight, and take ß for ss. This is the only place that
-- says so: dbt, the plan and the load use these functions.

-- A key of other than printable ASCII characters, folded: invisible characters dropped, compatibility forms (width,
-- ligatures, superscripts, no-break spaces) and case folded, æ œ þ taken apart, hiragana and small kana made katakana,
-- diacritics that stand alone dropped.
create function sync.fold_any(key text) returns text
language plpgsql immutable parallel safe as $$
declare
    invisible constant text := '[\u0001-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f'
        || '\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb'
        || '\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]';
    diacritics constant text := '[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a'
        || '\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff'
        || '\u20d0-\u20f0\u302a-\u302f\u3099\u309a\ufe20-\ufe2f]';
    hiragana constant text := 'ぁあぃいぅうぇえぉおかがきぎくぐけげこごさざしじすずせぜそぞただちぢっつづてでとどなにぬねの'
        || 'はばぱひびぴふぶぷへべぺほぼぽまみむめもゃやゅゆょよらりるれろゎわゐゑをんゔゕゖゝゞ' || 'ァィゥェォッャュョヮヵヶ';
    katakana constant text := 'アアイイウウエエオオカガキギクグケゲコゴサザシジスズセゼソゾタダチヂツツヅテデトドナニヌネノ'
        || 'ハバパヒビピフブプヘベペホボポマミムメモヤヤユユヨヨラリルレロワワヰヱヲンヴカケヽヾ' || 'アイウエオツヤユヨワカケ';
    folded text;
begin
    folded := regexp_replace(key, invisible, '', 'g');
    folded := casefold(normalize(folded, nfkc) collate pg_catalog.pg_unicode_fast);
    folded := replace(replace(replace(folded, 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th');
    folded := normalize(translate(folded, hiragana, katakana), nfkc);
    folded := regexp_replace(folded, invisible, '', 'g');
    return btrim(normalize(regexp_replace(folded, diacritics, '', 'g'), nfkc), ' ');
end
$$;

-- One spelling of all keys that may be one key for a target: equal keys may be one.
create function sync.key_fold(key text) returns text
language sql immutable parallel safe as $$
    select case
        when key collate "C" ~ '^[ -~]*$' then rtrim(lower(key collate "C"), ' ') collate "default"
        else sync.fold_any(key)
    end
$$;

-- The same without characters outside Latin-1, to which an older collation may give no weight. Keys with equal key_fold
-- have equal key_fold_latin, so this one decides whether two keys may be one; key_fold finds the record of a key.
create function sync.key_fold_latin(key text) returns text
language sql immutable parallel safe as $$
    select case
        when key collate "C" ~ '^[ -~]*$' then rtrim(lower(key collate "C"), ' ') collate "default"
        else btrim(regexp_replace(sync.fold_any(key), '[^\u0001-\u00ff]', '', 'g'), ' ')
    end
$$;

-- The folds of all values of a target key, as text: {"key": "strasse-1", "n": 1}.
create function sync.fold_values(target_key jsonb, latin boolean) returns text
language sql immutable parallel safe as $$
    select jsonb_object_agg(
        lower(part.key),
        case
            when jsonb_typeof(part.value) <> 'string' then part.value
            when latin then to_jsonb(sync.key_fold_latin(part.value #>> '{}'))
            else to_jsonb(sync.key_fold(part.value #>> '{}'))
        end
    )::text
    from jsonb_each(target_key) as part
$$;

-- True for a target key of printable ASCII without a backslash and without a value that ends in a blank: the lower case of
-- its text is its fold, and ten times cheaper.
create function sync.is_plain_key(target_key jsonb) returns boolean
language sql immutable parallel safe as $$
    select target_key::text collate "C" !~ '[^ -~]|\\|[^:,] "|[:,] "[,}]'
$$;

create function sync.key_folds(target_key jsonb) returns text
language sql immutable parallel safe as $$
    select case
        when sync.is_plain_key(target_key) then lower(target_key::text collate "C")
        else sync.fold_values(target_key, false)
    end
$$;

create function sync.key_folds_latin(target_key jsonb) returns text
language sql immutable parallel safe as $$
    select case
        when sync.is_plain_key(target_key) then lower(target_key::text collate "C")
        else sync.fold_values(target_key, true)
    end
$$;

grant execute on function
sync.fold_any(text), sync.key_fold(text), sync.key_fold_latin(text), sync.fold_values(jsonb, boolean),
sync.is_plain_key(jsonb), sync.key_folds(jsonb), sync.key_folds_latin(jsonb)
to p2c_loader, p2c_dbt, p2c_console;


-- Identities: two of one company never have keys that may be one for the target. Where an earlier version has delivered
-- two such keys, the later one is marked (shares_key) and stands beside the first.
alter table sync.identity
add column key_fold text collate "C" generated always as (sync.key_folds(target_key)) stored,
add column key_fold_latin text collate "C" generated always as (sync.key_folds_latin(target_key)) stored,
add column shares_key boolean not null default false;

update sync.identity set shares_key = true
from (
    select
        env_id,
        entity,
        source_key,
        row_number() over (
            partition by env_id, entity, company, key_fold_latin order by answer is null, pinned_at, source_key
        ) as place
    from sync.identity
) as ranked
where
    ranked.place > 1
    and identity.env_id = ranked.env_id and identity.entity = ranked.entity
    and identity.source_key = ranked.source_key;

drop index sync.identity_target;
create unique index identity_key_fold on sync.identity (env_id, entity, company, key_fold) where not shares_key;
create unique index identity_key_fold_latin on sync.identity (env_id, entity, company, key_fold_latin) where not shares_key;
