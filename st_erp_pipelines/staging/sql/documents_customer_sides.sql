-- What both systems say of a linked customer, member by member, beside what they were last known to agree on: what the ERP
-- said when it was looked at last, else what it was created with.

-- Most are equal as they stand; only for the others are texts taken apart.
create or replace temp macro digits(x) as regexp_replace(x, '\D', '', 'g');
create or replace temp macro is_same(field, one, other) as
    case
        when one = other then true
        when field = 'phone_number' then digits(one) = digits(other)
        when field in ('email', 'payment_terms') then lower(trim(one)) = lower(trim(other))
        else same_text(one) = same_text(other) and (field <> 'display_name' or trim(one) = trim(other))
    end;
-- Whether `kept` is what a system keeps of `sent`: nothing, or as much as fits. What has 20 characters was never cut.
create or replace temp macro is_kept(field, sent, kept) as
    case
        when given(kept) is null or sent = kept then true
        when same_text(sent) = same_text(kept) or is_same(field, sent, kept) then true
        when field = 'phone_number' then
            length(sent) > 20 and given(digits(kept)) is not null and starts_with(digits(sent), digits(kept))
        else length(kept) >= 20 and starts_with(same_text(sent), same_text(kept))
    end;

create or replace temp macro side(member, field, theirs, titans, uncut) as {
    'member': member, 'field': field, 'theirs': coalesce(theirs, ''), 'titans': coalesce(titans, ''), 'uncut': uncut
};

create or replace temp table customer_sides as
with pairs as (
    select
        facts.customer_id, facts.source_key as customer_key, facts.home_day, facts.phone_numbers, facts.emails,
        erp.source_key, erp.number, erp.extracted_at as erp_read_at, titan.extracted_at as titan_read_at,
        known.state as known_state, known.revision as known_revision, known.state_since as known_since,
        known.is_standing as is_known_standing, known.is_final as is_known_final,
        case when known.is_standing then given(known.written)::json -> 'there' else given(known.written)::json -> 'was' end
            as seen,
        [
            side('display_name', 'display_name', erp.display_name, facts.display_name, titan.name),
            side('phone_number', 'phone_number', erp.phone_number, facts.phone_number, ''),
            side('email', 'email', erp.email, facts.email, ''),
            side('payment_terms_code', 'payment_terms', erp.payment_terms_code, facts.payment_terms_code, ''),
            side('address_line1', 'address', erp.address_line1, facts.address_line1, titan.street),
            side('address_line2', 'address', erp.address_line2, facts.address_line2, titan.unit),
            side('city', 'address', erp.city, facts.city, titan.city),
            side('state', 'address', erp.state, facts.state, titan.state),
            side('country', 'address', erp.country, facts.country, titan.country),
            side('postal_code', 'address', erp.postal_code, facts.postal_code, titan.zip)
        ] as sides
    from customer_facts as facts
    join staging.stg_servicetitan__customers as titan on titan.customer_id = facts.customer_id
    join parties on parties.customer_id = facts.customer_id and parties.final_customer_id = facts.customer_id
    join erp_customers as erp on erp.number = parties.number
    left join newest_known as known on known.kind = 'customer_back' and known.source_key = erp.source_key
    where
        (select both_ways from rules)  -- else nobody asks
        and parties.is_there and facts.merged_to_id is null
        and not facts.is_forgotten and not facts.are_contacts_forgotten
    qualify count(*) over (partition by erp.number) = 1  -- of two that are one over there, neither is meant
),
sent as (  -- by the flow customers; a change names only what it set
    select source_key, member, arg_max(value, revision) as value
    from (
        select source_key, revision, unnest(map_entries(given(written)::json::map(varchar, varchar)), recursive := true)
        from known_documents
        where kind = 'customer' and state in ('posted', 'adopted')
    ) as member_of(source_key, revision, member, value)
    where value is not null
    group by source_key, member
),
-- What was sent without terms got those of a template: they are measured from when they are first seen.
said as (
    select
        pairs.* exclude (sides, seen), side.*,
        seen ->> side.member as seen,
        case when side.field = 'payment_terms' then given(sent.value) else sent.value end as sent,
        to_json(rules.owners) ->> side.field as owner
    from (select *, unnest(sides) as side from pairs) as pairs
    cross join rules
    left join sent on sent.source_key = pairs.customer_key and sent.member = side.member
)
select
    *,
    coalesce(seen, sent, theirs) as was,
    seen is null and sent is null as is_first_seen,
    not case when seen is null then is_kept(field, was, theirs) else is_same(field, was, theirs) end as is_changed,
    case
        when is_kept(field, titans, theirs) then true
        when field = 'phone_number' then list_contains(list_transform(phone_numbers, lambda each: digits(each)), digits(theirs))
        when field = 'email' then list_contains(list_transform(emails, lambda each: lower(each)), lower(trim(theirs)))
        else false
    end as is_agreed
from said;
