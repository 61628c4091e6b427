-- The documents of the flow customers: creations, those taken back since the customer is linked or merged now,
-- and changes of what is there.

with created as (
    select
        customers.*,
        coalesce(known_revision, 0) as revision,
        number as business_key,
        case when wrong_number is not null then [{
            code: 'unknown_customer',
            text: 'customers.csv links ''' || display_name || ''' to '
                || coalesce(given(wrong_number) || ', which is no customer of the ERP', 'nothing')
                || fault_of('customers.csv', customer_id::varchar) || ': mend or remove the row.'
        }] else [] end as reasons,
        case when wrong_number is not null then 'blocked' else 'due' end as verdict
    from customers
    where
        not is_there
        and coalesce(known_revision, 0) = 0
        and case when known_state is null or known_state = 'withdrawn' then is_wanted else not is_known_final end
        and source_key not in (select source_key from customer_matches)
),
taken_back as (
    select facts.*, known.business_key as number, known.revision, known.business_key, 'withdrawn' as verdict,
        coalesce(facts.home_day, (select start_date from rules)) as document_day
    from customer_facts as facts
    join newest_known as known on known.kind = 'customer' and known.source_key = facts.source_key
    left join customers on customers.source_key = facts.source_key
    where
        not known.is_final and known.revision = 0
        and (
            facts.merged_to_id is not null or customers.is_there
            or facts.source_key in (select source_key from customer_matches)
        )
),
changed as (
    select
        *,
        -- A change that was not sent yet takes the newest values along.
        case when not is_known_final and known_revision > 0 then known_revision else coalesce(known_revision, 0) + 1 end
            as revision,
        number || '/R' || revision as business_key
    from customers
    where
        is_there
        and (coalesce(linked_by, 'post') not in ('table', 'match') or (select update_linked from rules))
        and case
            when known_revision > 0 and not is_known_final then true
            when is_known_standing or known_revision > 0 then known_hash <> source_hash
            when known_state is null or known_state = 'withdrawn' then given(linked_hash) <> source_hash
            else false
        end
),
documents as (
    select *, false as is_change from created
    union all by name
    select *, false as is_change from taken_back
    union all by name
    select *, true as is_change, 'due' as verdict from changed
),
-- What ServiceTitan owns of them and the ERP has changed, too, since it was sent: ServiceTitan's word counts.
overwritten as (
    select side.customer_key, string_agg(
        replace(side.member, '_', ' ') || ': the ERP said ''' || side.theirs || ''', ServiceTitan ''' || side.titans || '''',
        '; ' order by side.member
    ) as said
    from customer_sides as side
    where side.owner = 'servicetitan' and side.sent is not null
        and not is_kept(side.member, side.sent, side.theirs) and not side.is_agreed
    group by side.customer_key
)
select
    'customers' as flow,
    'customer' as kind,
    source_key,
    business_key,
    document_day as home_day,
    document_day as business_date,
    0::decimal(18, 2) as amount,
    coalesce((select local_currency from rules), '') as currency,
    display_name as party,
    source_hash,
    case when is_change then to_json({
        change: true, erp_number: number, display_name: owned(rules.owners.display_name, display_name),
        address_line1: owned(rules.owners.address, address_line1), address_line2: owned(rules.owners.address, address_line2),
        city: owned(rules.owners.address, city), state: owned(rules.owners.address, state),
        country: owned(rules.owners.address, country), postal_code: owned(rules.owners.address, postal_code),
        -- Of a customer who was forgotten here and came back, these stay over there as they are.
        phone_number: owned(rules.owners.phone_number,
            case when are_contacts_forgotten then nullif(phone_number, '') else phone_number end),
        email: owned(rules.owners.email, case when are_contacts_forgotten then nullif(email, '') else email end),
        payment_terms_code: owned(rules.owners.payment_terms, payment_terms_code),
        overwritten: overwritten.said
    }) else to_json({
        number: number, display_name: display_name, type: type, address_line1: address_line1,
        address_line2: address_line2, city: city, state: state, country: country, postal_code: postal_code,
        phone_number: phone_number, email: email, payment_terms_code: coalesce(payment_terms_code, '')
    }) end as payload,
    display_name as label,
    0 as part,
    revision,
    verdict,
    to_json(coalesce(reasons, [])) as reasons,
    false as adopt_only
from documents
cross join rules
left join overwritten on overwritten.customer_key = documents.source_key and documents.is_change
order by customer_id;
