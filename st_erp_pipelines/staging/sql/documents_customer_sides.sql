-- What both systems say of a linked customer, member by member, beside what they were last known to agree on: what the ERP
-- said when it was looked at last, else what it was created with.

-- Most are equal as they stand; only for the others are texts taken apart.
create or replace temp macro digits(x) as regexp_replace(x, '\D', '', 'g');
create or replace temp macro one_line(x) as trim(regexp_replace(x, '\s+', ' ', 'g'));
create or replace temp macro is_same(member, one, other) as
    case
        when one = other then true
        when member = 'phone_number' then digits(one) = digits(other)
        when member = 'state' then state_code(one) = state_code(other)
        when member in ('email', 'country', 'payment_terms_code') then lower(trim(one)) = lower(trim(other))
        else one_line(one) = one_line(other)
    end;
-- Whether `kept` is what a system keeps of `sent`: a phone without its extension, a text cut visibly, or nothing at all of
-- what must be whole. Names and streets are carried whole, so that one that is gone was taken away.
create or replace temp macro is_kept(member, sent, kept) as
    case
        when is_same(member, sent, kept) then true
        when given(kept) is null then
            member in ('phone_number', 'email', 'payment_terms_code', 'state', 'country') or given(sent) is null
        when member = 'phone_number' then
            (length(sent) > 20 or regexp_matches(sent, '\p{L}'))
            and given(digits(kept)) is not null and starts_with(digits(sent), digits(kept))
        else ends_with(kept, '…') and starts_with(one_line(sent), rtrim(kept, '…'))
    end;

create or replace temp macro side(member, field, theirs, titans, uncut) as {
    'member': member, 'field': field, 'theirs': coalesce(theirs, ''), 'titans': coalesce(titans, ''), 'uncut': uncut
};

create or replace temp table customer_sides as
with pairs as (
    select
        facts.customer_id, facts.source_key as customer_key, facts.home_day, facts.phone_numbers, facts.emails,
        erp.source_key, erp.number, erp.extracted_at as erp_read_at, titan.extracted_at as titan_read_at,
        facts.contacts_read_at, given(known.written)::json as written,
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
        facts.source_key in (from asked_about)
        and parties.is_there and facts.merged_to_id is null
        and not facts.is_forgotten and not facts.are_contacts_forgotten
    qualify count(*) over (partition by erp.number) = 1  -- of two that are one over there, neither is meant
),
-- By the flow customers; a change names only what it set. Of one that was found there nobody knows what was sent, and what
-- was blanked when its customer was forgotten (it has no name) says nothing of who came back.
sent as (
    select source_key, member, arg_max(value, revision) as value
    from (
        select source_key, revision, unnest(map_entries(given(written)::json::map(varchar, varchar)), recursive := true)
        from known_documents
        where kind = 'customer' and (state = 'posted' or (state = 'adopted' and revision > 0))
            and given(written)::json ->> 'display_name' is distinct from ''
    ) as member_of(source_key, revision, member, value)
    where value <> '' or revision = 0
    group by source_key, member
),
-- What was sent without terms got those of a template: they are measured from when they are first seen.
said as (
    select
        pairs.* exclude (sides, seen, written), side.*,
        written ->> case side.field when 'payment_terms' then 'payment_term_id' else side.field end is not null as is_written,
        case when seen ->> 'display_name' <> '' then seen ->> side.member end as seen,
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
    not case when seen is null then is_kept(member, was, theirs) else is_same(member, was, theirs) end as is_changed,
    case
        when is_kept(member, titans, theirs) then true
        when member = 'phone_number' then list_contains(list_transform(phone_numbers, lambda each: digits(each)), digits(theirs))
        when member = 'email' then list_contains(list_transform(emails, lambda each: lower(each)), lower(trim(theirs)))
        else false
    end as is_agreed
from said;
