-- The documents of the flow customers_back: what the ERP owns and has changed since both sides agreed. Nothing is emptied
-- in ServiceTitan, but for the lines of an address that changed.

create or replace temp table customer_carried as
select
    *,
    owner = 'erp' and is_changed and not is_agreed and (given(theirs) is not null or field = 'address') as is_cause,
    bool_or(is_cause) over (partition by source_key, field) as is_carried,
    is_changed and not is_agreed as is_open
from customer_sides;

-- Where both sides have a value and they differ, though nothing of it is under way: a person may want to know.
create or replace table staging.customer_differences as
select
    side.number as customer_number, side.customer_id, side.member, side.owner,
    side.titans as in_servicetitan, side.theirs as in_erp
from customer_carried as side
left join newest_known as ours on ours.kind = 'customer' and ours.source_key = side.customer_key
where
    not side.is_agreed and not is_kept(side.member, side.theirs, side.titans)
    and not side.is_carried
    -- What we wrote and have not read again since is no difference.
    and not coalesce(
        side.is_known_standing and side.is_written
        and case when side.field in ('phone_number', 'email') then side.contacts_read_at else side.titan_read_at end
            <= side.known_since, false)
    and not coalesce(ours.state = 'posted' and side.sent = side.titans and side.erp_read_at <= ours.state_since, false)
order by all;

comment on table staging.customer_differences is
    'Members of linked customers that the two systems tell differently; they are left as they are until their owner changes them.';
comment on column staging.customer_differences.customer_number is 'number of the customer in the ERP';
comment on column staging.customer_differences.customer_id is 'ServiceTitan''s id of the customer';
comment on column staging.customer_differences.member is 'what differs';
comment on column staging.customer_differences.owner is 'servicetitan or erp: whose changes of it go to the other side';
comment on column staging.customer_differences.in_servicetitan is 'what ServiceTitan says';
comment on column staging.customer_differences.in_erp is 'what the ERP says';

with terms as (
    select upper(mapped.erp_code) as code, list(distinct term.payment_term_id) as ids
    from mapping.payment_terms as mapped
    join staging.stg_servicetitan__payment_terms as term on term.name = mapped.term_name
    group by all
),
customers as (
    select
        source_key, customer_id, number, home_day,
        to_json(map_from_entries(list({'k': member, 'v': theirs}))) as there,
        any_value(theirs) filter (where member = 'display_name') as display_name,
        any_value(known_state) as known_state, any_value(known_revision) as known_revision,
        coalesce(any_value(is_known_standing), false) as is_known_standing,
        coalesce(any_value(is_known_final), true) as is_known_final,
        list(distinct field) filter (where is_carried) as carried,
        bool_or(owner = 'erp' and is_first_seen and given(theirs) is not null) as is_first_seen,
        to_json(map_from_entries(list({'k': member, 'v': case when is_open then was else theirs end}))) as was,
        md5(to_json(list(case when owner = 'erp' then theirs else '' end order by member))::varchar) as source_hash,
        to_json(map_from_entries(list({
            'k': member, 'v': case when is_agreed then coalesce(uncut, '') else theirs end
        }) filter (where field = 'address'))) as address,
        string_agg(
            replace(member, '_', ' ') || ': ServiceTitan said ''' || titans || ''', the ERP ''' || theirs || '''', '; ' order by member
        ) filter (
            where is_carried and not is_agreed and given(titans) is not null and not is_kept(member, titans, was)
        ) as overwritten,
        bool_or(owner = 'erp' and is_changed and is_agreed) as is_settled
    from customer_carried
    group by source_key, customer_id, number, home_day
),
documents as (
    select
        customers.*,
        case
            when known_state is null then 0
            when is_known_standing then known_revision + 1
            else known_revision
        end as revision,
        upper(there ->> 'payment_terms_code') as code,
        case when list_contains(carried, 'payment_terms') then coalesce(terms.ids, []) end as term_ids
    from customers
    left join terms on terms.code = upper(there ->> 'payment_terms_code')
    where
        carried is not null
        or not is_known_final  -- taken back over there before it was sent
        or (is_known_final and is_first_seen)  -- what its changes will be measured against
        or is_settled  -- both sides came to say the same: so are the next ones
)
select
    'customers_back' as flow,
    'customer_back' as kind,
    source_key,
    'ST-' || rules.key_prefix || '-CUST-' || customer_id || case when revision > 0 then '/R' || revision else '' end
        as business_key,
    coalesce(home_day, rules.start_date) as home_day,
    coalesce(home_day, rules.start_date) as business_date,
    0::decimal(18, 2) as amount,
    coalesce(rules.local_currency, '') as currency,
    number as party,
    source_hash,
    to_json({
        customer_id: customer_id,
        display_name: case when list_contains(carried, 'display_name') then there ->> 'display_name' end,
        address: case when list_contains(carried, 'address') then address end,
        phone_number: case when list_contains(carried, 'phone_number') then there ->> 'phone_number' end,
        email: case when list_contains(carried, 'email') then there ->> 'email' end,
        payment_term_id: term_ids[1],
        overwritten: overwritten,
        was: was,
        there: there
    }) as payload,
    display_name as label,
    0 as part,
    revision,
    case when carried is null then 'skipped' when len(term_ids) <> 1 then 'blocked' else 'due' end as verdict,
    to_json(case when len(term_ids) <> 1 then [{
        code: 'unmapped_payment_term',
        text: 'payment_terms.csv names ' || case when len(term_ids) = 0 then 'no term' else 'several terms' end
            || ' of ServiceTitan for ''' || code || ''' of the ERP: let one row name it.'
    }] else [] end) as reasons,
    false as adopt_only
from documents
cross join rules
union all
select  -- No longer linked, merged or forgotten, before it was sent.
    'customers_back', 'customer_back', source_key, business_key, (select start_date from rules),
    (select start_date from rules), 0, '', '', '', '{}', '', 0, revision, 'withdrawn', '[]', false
from newest_known as known
where
    known.kind = 'customer_back' and not known.is_final
    and known.source_key not in (select source_key from customer_sides)
order by business_key;
