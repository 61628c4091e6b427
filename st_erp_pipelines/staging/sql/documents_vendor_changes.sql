-- The documents of the flow vendors: vendors to create, links to those that are there, changes of what the ERP owns. The
-- hash covers all that S/4HANA says; only what it owns is a cause of a change. Nothing but lines of an address is emptied.

-- Where the two differ, though nothing of it is under way.
create or replace table staging.vendor_differences as
select supplier, vendor_id, member, owner, titans as in_servicetitan, theirs as in_erp
from vendor_sides
where
    is_read and theirs <> '' and not is_told_alike(member, theirs, titans)
    and not is_carried
    and coalesce(titan_read_at > known_since, true)  -- else it does not show yet what we wrote
order by all;

comment on table staging.vendor_differences is
    'What the two systems tell differently of linked vendors; it is left as it is until its owner changes it.';
comment on column staging.vendor_differences.supplier is 'number of the supplier in the ERP';
comment on column staging.vendor_differences.vendor_id is 'ServiceTitan''s id of the vendor';
comment on column staging.vendor_differences.member is 'what differs';
comment on column staging.vendor_differences.owner is 'servicetitan or erp: whose word counts when it changes';
comment on column staging.vendor_differences.in_servicetitan is 'what ServiceTitan says';
comment on column staging.vendor_differences.in_erp is 'what the ERP says';

with carried as (
    select
        source_key,
        list(distinct field) as fields,
        string_agg(member || ': ServiceTitan said ''' || titans || ''', the ERP ''' || theirs || '''', '; ' order by member)
            filter (where titans <> '' and is_read and not is_told_alike(member, titans, was)
                and not is_told_alike(member, titans, theirs)) as overwritten
    from vendor_sides
    where is_carried
    group by source_key
),
documents as (
    select
        vendors.*, carried.overwritten,
        is_there and not is_to_be_marked as is_change,
        -- A change that was not sent yet takes the newest values along.
        is_there and known_revision > 0 and (not is_known_final or known_state = 'skipped') as is_pending,
        case when not is_there then 0 else known_revision + (not is_pending)::integer end as revision,
        case
            when is_to_be_marked then []  -- what was said when it was accepted stays what changes are measured against
            when is_there then coalesce(carried.fields, [])
            else ['name', 'contact', 'phone', 'email', 'address', 'active']
        end as fields
    from vendors
    left join carried on carried.source_key = vendors.source_key
    where not is_there or is_to_be_marked or is_pending or carried.fields is not null
),
judged as (
    select
        *,
        'ST-' || rules.key_prefix || '-VEND-' || supplier as first_key,
        first_key || case when revision > 0 then '/R' || revision else '' end as key,
        case
            when is_change and len(fields) = 0 then 'skipped'  -- taken back before it was sent
            when is_there then 'due'
            when is_linked or is_replayed then 'due'
            when closed is not null then 'skipped'
            when vendor_id is null and asked_vendors is not null then 'blocked'
            else 'due'
        end as verdict
    from documents
    cross join (select key_prefix, local_currency from rules) as rules
),
-- Gone from the company, or from what is read, before it was sent.
gone as (
    select source_key, business_key, revision
    from newest_known as known
    where
        known.kind = 'vendor' and not known.is_final
        and exists (from supplier_facts) and source_key not in (select source_key from vendors)
)
select
    'vendors' as flow,
    'vendor' as kind,
    source_key,
    key as business_key,
    read_on as home_day,
    changed_on as business_date,
    0::decimal(18, 2) as amount,
    coalesce(local_currency, '') as currency,
    name as party,
    source_hash,
    to_json({
        key: key,
        supplier: supplier,
        vendor_id: vendor_id,
        linked_there: case when is_of_ours and not is_there then true end,
        change: case when is_change then true end,
        name: case when list_contains(fields, 'name') then name end,
        active: case when list_contains(fields, 'active') then active end,
        first_name: case when list_contains(fields, 'contact') then first_name end,
        last_name: case when list_contains(fields, 'contact') then last_name end,
        phone: case when list_contains(fields, 'phone') then given(phone) end,
        email: case when list_contains(fields, 'email') then given(email) end,
        street: case when list_contains(fields, 'address') then street end,
        unit: case when list_contains(fields, 'address') then '' end,
        city: case when list_contains(fields, 'address') then city end,
        state: case when list_contains(fields, 'address') then state end,
        zip: case when list_contains(fields, 'address') then zip end,
        country: case when list_contains(fields, 'address') then country end,
        tax_rate: case when not is_there and vendor_id is null then '0' end,
        overwritten: overwritten
    }) as payload,
    name as label,
    0 as part,
    revision,
    verdict,
    to_json(case when verdict = 'blocked' then [{
        code: 'entered_by_hand',
        text: 'ServiceTitan has ' || asked_vendors || '. If that is it: st-erp accept ' || first_key || ' ' || asked_id
            || '; if not: st-erp replay ' || first_key || ', which creates another.'
    }] else [] end) as reasons,
    false as adopt_only
from judged
union all
select
    'vendors', 'vendor', source_key, business_key, (select start_date from rules), (select start_date from rules), 0, '', '',
    '', '{}', '', 0, revision, 'withdrawn', '[]', false
from gone
order by business_key;
