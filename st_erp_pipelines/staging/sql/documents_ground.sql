-- What every flow stands on. Temporary, made anew for each build from the tables `rules`, `known_documents`
-- and `known_links`, which hold the settings and the outbox's side.

create or replace temp macro figure(x) as coalesce(rtrim(rtrim(cast(x as decimal(28, 5))::varchar, '0'), '.'), 'nothing');
create or replace temp macro money(x) as cast(x as decimal(18, 2))::varchar;
create or replace temp macro given(x) as nullif(trim(x), '');
create or replace temp macro is_no_amount(x) as coalesce(x <> round(x, 2), true);  -- ServiceTitan's may be null, too
create or replace temp macro named(name, id) as case when name is null then id::varchar else '''' || name || ''' (id ' || id || ')' end;
create or replace temp macro cut(x, longest) as case when length(x) > longest then left(x, longest - 1) || '…' else x end;
create or replace temp macro country_code(country) as
    case regexp_replace(upper(country), '[^A-Z]', '', 'g')
        when 'USA' then 'US' when 'UNITEDSTATES' then 'US' when 'UNITEDSTATESOFAMERICA' then 'US'
        when 'CAN' then 'CA' when 'CANADA' then 'CA'
        else case when regexp_full_match(trim(country), '[A-Za-z]{2}') then upper(trim(country)) else '' end
    end;
-- What one side calls by its name and the other by its code; `states` is set by known.py.
create or replace temp macro state_code(x) as
    coalesce(getvariable('states')[upper(strip_accents(trim(x)))], upper(trim(x)));
create or replace temp macro in_open_period(posting_date, opens, policy) as
    case when policy = 'first_open_day' and posting_date < opens then opens else posting_date end;
-- A day after the period has no later open day yet: it waits under either policy.
create or replace temp macro is_closed(posting_date, opens, closes) as
    coalesce(posting_date < opens, false) or coalesce(posting_date > closes, false);
create or replace temp macro open_period(opens, closes) as
    coalesce('from ' || opens, 'up to any day') || coalesce(' to ' || closes, '');
-- Rows at fault are left out of the mapping: what lacks one is told of it.
create or replace temp macro fault_of(in_file, of_key) as coalesce((
    select ' (at fault: ' || string_agg(coalesce('row ' || nullif(row, 0) || ', ', '') || message, '; ' order by row) || ')'
    from mapping.faults
    where file = in_file and (key = of_key or key is null)
), '');
-- Nor is the row * used then: it would stand in for them.
create or replace temp macro why_not_any(in_file) as coalesce((
    select ' (the row * is not used while '
        || coalesce('row ' || string_agg(distinct row, ' or ' order by row) filter (where row > 0), 'the file') || ' is at fault)'
    from mapping.faults
    where file = in_file
    having count(*) > 0
), '');
create or replace temp macro of_revision(business_key, revision) as
    business_key || case when revision > 0 then '-R' || revision else '' end;
create or replace temp macro is_posted_by_office(sync_status, only_posted) as
    coalesce(not only_posted or sync_status in ('Posted', 'Exported'), false);
-- What may still be sent, and was posted by the office when it became a document, is blocked, not forgotten.
create or replace temp macro not_posted_text(sync_status) as
    'ServiceTitan no longer calls it posted (status ' || coalesce(given(sync_status), 'none')
    || '): it waits until the office posts it again.';

-- Other software exported it before we first saw it, or before it was a document of ours: such a document is looked
-- up, never sent. So it names no customer to create, and nothing that sending needs can block it. What the outbox
-- knows, it has decided: our own receipt makes an invoice `Exported`, too.
create or replace temp macro is_adopt_only(known, sync_status, first_sync_status) as
    coalesce(known, sync_status = 'Exported' or first_sync_status = 'Exported', false);

-- What a sale is over there: its amount tells what was sent, whatever its source says by now.
create or replace temp macro type_there(kind, amount) as
    case when kind = 'credit_memo' or amount < 0 then 'credit_memo' else 'invoice' end;

create or replace temp table newest_known as
select
    *,
    state in ('posted', 'adopted') as is_standing,
    state in ('posted', 'adopted', 'out_of_scope', 'skipped', 'withdrawn') as is_final
from known_documents
qualify row_number() over (partition by kind, source_key, part order by revision desc) = 1;

-- Whether a known document is built again: always while it is not final, then only when its source says
-- something else than the document does.
create or replace temp macro is_built_again(is_final, state, is_flagged, known_hash, source_hash, is_active) as
    not is_final
    or known_hash is distinct from source_hash
    or is_flagged  -- the edit may have been taken back
    or (state in ('posted', 'adopted') and not is_active)
    or (state = 'withdrawn' and is_active);

-- What is fit to be sent will be there: to observe waits for nothing but that.
create or replace temp macro is_observed_ready(mode, state) as mode = 'observe' and coalesce(state = 'ready', false);
