-- Customers to create, to take back, to change and to link. They are few and their contacts are loaded apart,
-- so that all are looked at each time. The hash covers what is carried over, the term by its id: a changed
-- mapping is no edit of the customer.

create or replace temp macro country_code(country) as
    case regexp_replace(upper(country), '[^A-Z]', '', 'g')
        when 'USA' then 'US' when 'UNITEDSTATES' then 'US' when 'UNITEDSTATESOFAMERICA' then 'US'
        when 'CAN' then 'CA' when 'CANADA' then 'CA'
        else case when regexp_full_match(trim(country), '[A-Za-z]{2}') then upper(trim(country)) else '' end
    end;
create or replace temp macro same_text(x) as
    trim(regexp_replace(lower(strip_accents(coalesce(x, ''))), '[^\p{L}\p{N}]+', ' ', 'g'));

create or replace temp table customer_facts as
with contacts as (
    select
        customer_id,
        arg_min(trim(value), contact_id) filter (where type in ('MobilePhone', 'Phone')) as phone_number,
        arg_min(trim(value), contact_id) filter (where type = 'Email') as email,
        bool_or(is_forgotten) as are_forgotten
    from staging.stg_servicetitan__customer_contacts
    where given(value) is not null or is_forgotten
    group by customer_id
),
facts as (
    select
        customer.customer_id, customer.source_key, customer.home_day, customer.merged_to_id,
        customer.is_active is distinct from false as is_active,
        coalesce(customer.is_forgotten, false) as is_forgotten,
        coalesce(contacts.are_forgotten, false) as are_contacts_forgotten,
        case customer.type when 'Commercial' then 'Company' else 'Person' end as type,
        left(coalesce(trim(customer.name), ''), 100) as display_name,
        left(coalesce(trim(customer.street), ''), 100) as address_line1,
        left(coalesce(trim(customer.unit), ''), 50) as address_line2,
        left(coalesce(trim(customer.city), ''), 30) as city,
        left(coalesce(trim(customer.state), ''), 30) as state,
        coalesce(country_code(customer.country), '') as country,
        left(coalesce(trim(customer.zip), ''), 20) as postal_code,
        left(coalesce(contacts.phone_number, ''), 30) as phone_number,
        case when length(contacts.email) <= 80 then contacts.email else '' end as email,  -- half an address is none
        customer.payment_term_id,
        mapped.erp_code as payment_terms_code,
        same_text(customer.name) as same_name,
        same_text(concat_ws(' ', customer.street, customer.unit, customer.city, customer.zip)) as same_address
    from staging.stg_servicetitan__customers as customer
    left join contacts on contacts.customer_id = customer.customer_id
    left join staging.stg_servicetitan__payment_terms as term on term.payment_term_id = customer.payment_term_id
    left join mapping.payment_terms as mapped on mapped.term_name = term.name
)
select
    *,
    md5(to_json([
        display_name, address_line1, address_line2, city, state, country, postal_code, phone_number, email,
        coalesce(payment_term_id::varchar, '')
    ])::varchar) as source_hash
from facts;

-- The first day on which a document that may be sent needs a customer.
create or replace temp table customer_needs as
with sources as (
    select kind, source_key, customer_id, document_date, total, sync_status, first_sync_status, is_active, home_day
    from sales_sources
    union all
    select
        'payment', source_key, customer_id, payment_date, null, sync_status, first_sync_status,
        is_active is distinct from false, home_day
    from staging.stg_servicetitan__payments
)
select parties.final_customer_id as customer_id, min(sources.home_day) as home_day
from sources
cross join rules
join parties on parties.customer_id = sources.customer_id
left join newest_known as known on known.kind = sources.kind and known.source_key = sources.source_key
where
    sources.is_active
    and is_posted_by_office(sources.sync_status, rules.only_posted)
    and not is_adopt_only(known.adopt_only, sources.sync_status, sources.first_sync_status)
    and (sources.total is null or sources.total <> 0 or rules.zero_totals = 'post' or known.replayed)
    and (
        (sources.document_date >= rules.go_live and known.state is distinct from 'out_of_scope')
        or not coalesce(known.is_final, true)  -- a person took it into scope
    )
group by parties.final_customer_id;

create or replace temp table customers as
select
    facts.*,
    coalesce(needs.home_day, facts.home_day, rules.start_date) as document_day,
    case rules.create_customers when 'all' then facts.is_active or needs.customer_id is not null
        else needs.customer_id is not null end as is_wanted,
    parties.* exclude (customer_id, source_key, name, final_customer_id),
    listed.erp_number as wrong_number,
    known.state as known_state, known.revision as known_revision, known.source_hash as known_hash,
    known.business_key as known_key, known.is_final as is_known_final, known.is_standing as is_known_standing,
    known.is_fixed as is_known_fixed
from customer_facts as facts
cross join rules
join parties on parties.customer_id = facts.customer_id and parties.final_customer_id = facts.customer_id
left join customer_needs as needs on needs.customer_id = facts.customer_id
left join newest_known as known on known.kind = 'customer' and known.source_key = facts.source_key
left join mapping.customers as listed on listed.customer_id = facts.customer_id and parties.listed_number is null
where facts.merged_to_id is null and not facts.is_forgotten;  -- nothing is known that could be carried over

-- One ERP customer of that name and address, one ServiceTitan customer of it: anything else is not the same.
create or replace temp table customer_matches as
with theirs as (
    select
        same_text(display_name) as same_name,
        same_text(concat_ws(' ', address_line1, address_line2, city, postal_code)) as same_address,
        any_value(number) as number,
        any_value(remote_id) as remote_id
    from erp_customers
    group by all
    having count(*) = 1
),
ours as (
    select same_name, same_address, any_value(source_key) as source_key
    from customer_facts
    where merged_to_id is null
    group by all
    having count(*) = 1
),
taken as (
    select erp_number as number from known_links
    union all
    select erp_number from mapping.customers
)
select customers.source_key, theirs.number, theirs.remote_id
from customers
join ours on ours.source_key = customers.source_key
join theirs on theirs.same_name = ours.same_name and theirs.same_address = ours.same_address
where
    (select match_existing from rules) = 'name_and_address'
    and customers.is_wanted and not customers.is_there and customers.wrong_number is null
    and not coalesce(customers.is_known_fixed, false)
    and ours.same_name <> '' and given(customers.address_line1) is not null
    and not exists (from taken where taken.number = theirs.number);
