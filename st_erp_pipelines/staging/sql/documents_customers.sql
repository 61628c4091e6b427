-- Customers to create, to take back, to change and to link.

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

-- Of those that change, what the ERP says now is looked at, too.
create or replace temp view asked_about as
select source_key from customers where is_there and coalesce(known_hash, linked_hash) is distinct from source_hash;
