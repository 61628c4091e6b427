-- What both systems say of a linked customer, member by member, beside what they were last known to agree on: what the ERP
-- said when it was looked at last, else what it was created with.

create or replace temp macro digits(x) as regexp_replace(x, '\D', '', 'g');
create or replace temp macro is_same(field, one, other) as
    case
        when field = 'phone_number' then digits(one) = digits(other)
        when field in ('email', 'payment_terms') then lower(trim(one)) = lower(trim(other))
        else same_text(one) = same_text(other) and (field <> 'display_name' or trim(one) = trim(other))
    end;
-- Whether `kept` is what a system keeps of `sent`: nothing, or as much as fits. What has 20 characters was never cut.
create or replace temp macro is_kept(field, sent, kept) as
    given(kept) is null
    or same_text(sent) = same_text(kept)
    or is_same(field, sent, kept)
    or (length(kept) >= 20 and starts_with(same_text(sent), same_text(kept)))
    or (field = 'phone_number' and length(sent) > 20 and given(digits(kept)) is not null and starts_with(digits(sent), digits(kept)));

create or replace temp table customer_sides as
with pairs as (
    select
        facts.customer_id, facts.source_key as customer_key, facts.home_day, facts.phone_numbers, facts.emails,
        erp.source_key, erp.number, erp.extracted_at as erp_read_at, titan.extracted_at as titan_read_at,
        known.state as known_state, known.revision as known_revision, known.state_since as known_since,
        known.is_standing as is_known_standing, known.is_final as is_known_final,
        given(known.written)::json as written,
        to_json({
            display_name: erp.display_name, address_line1: erp.address_line1, address_line2: erp.address_line2,
            city: erp.city, state: erp.state, country: erp.country, postal_code: erp.postal_code,
            phone_number: erp.phone_number, email: erp.email, payment_terms_code: erp.payment_terms_code
        }) as there,
        to_json({
            display_name: facts.display_name, address_line1: facts.address_line1, address_line2: facts.address_line2,
            city: facts.city, state: facts.state, country: facts.country, postal_code: facts.postal_code,
            phone_number: facts.phone_number, email: facts.email, payment_terms_code: facts.payment_terms_code
        }) as here,
        to_json({
            address_line1: titan.street, address_line2: titan.unit, city: titan.city, state: titan.state,
            country: titan.country, postal_code: titan.zip
        }) as uncut
    from customer_facts as facts
    join staging.stg_servicetitan__customers as titan on titan.customer_id = facts.customer_id
    join parties on parties.customer_id = facts.customer_id and parties.final_customer_id = facts.customer_id
    join erp_customers as erp on erp.number = parties.number
    left join newest_known as known on known.kind = 'customer_back' and known.source_key = erp.source_key
    where
        parties.is_there and facts.merged_to_id is null
        and not facts.is_forgotten and not facts.are_contacts_forgotten
    qualify count(*) over (partition by erp.number) = 1  -- of two that are one over there, neither is meant
),
members as (
    select unnest([
        {'member': 'display_name', 'field': 'display_name'}, {'member': 'phone_number', 'field': 'phone_number'},
        {'member': 'email', 'field': 'email'}, {'member': 'payment_terms_code', 'field': 'payment_terms'},
        {'member': 'address_line1', 'field': 'address'}, {'member': 'address_line2', 'field': 'address'},
        {'member': 'city', 'field': 'address'}, {'member': 'state', 'field': 'address'},
        {'member': 'country', 'field': 'address'}, {'member': 'postal_code', 'field': 'address'}
    ], recursive := true)
),
sent as (  -- by the flow customers; a change names only what it set
    select source_key, member, arg_max(value, revision) as value
    from (
        select known.source_key, known.revision, members.member, given(known.written)::json ->> members.member as value
        from known_documents as known
        cross join members
        where known.kind = 'customer' and known.state in ('posted', 'adopted')
    )
    where value is not null
    group by source_key, member
),
-- What was sent without terms got those of a template: they are measured from when they are first seen.
said as (
    select
        pairs.*, members.member, members.field, coalesce(there ->> members.member, '') as theirs,
        coalesce(here ->> members.member, '') as titans,
        case when is_known_standing then written -> 'there' else written -> 'was' end as seen,
        case when members.field = 'payment_terms' then given(sent.value) else sent.value end as sent,
        to_json(rules.owners) ->> members.field as owner
    from pairs
    cross join rules
    cross join members
    left join sent on sent.source_key = pairs.customer_key and sent.member = members.member
)
select
    *,
    coalesce(seen ->> member, sent, theirs) as was,
    seen ->> member is null and sent is null as is_first_seen,
    not case when seen ->> member is null then is_kept(field, was, theirs) else is_same(field, was, theirs) end as is_changed,
    is_kept(field, titans, theirs)
        or list_bool_or(list_transform(
            case field when 'phone_number' then phone_numbers when 'email' then emails else [] end,
            lambda each: is_same(field, each, theirs)
        )) is true as is_agreed
from said;
