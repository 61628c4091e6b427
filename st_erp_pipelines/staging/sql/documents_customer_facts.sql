-- What ServiceTitan says of its customers, as it is carried over. They are few and their contacts are loaded apart, so
-- that all are looked at each time. The hash covers what ServiceTitan owns, the term by its id: a changed mapping is no
-- edit of the customer.

create or replace temp macro owned(owner, value) as case when owner = 'servicetitan' then value end;
create or replace temp macro same_text(x) as
    trim(regexp_replace(lower(strip_accents(coalesce(x, ''))), '[^\p{L}\p{N}]+', ' ', 'g'));

create or replace temp table customer_facts as
with contacts as (
    select
        customer_id,
        arg_min(trim(value), contact_id) filter (where type in ('MobilePhone', 'Phone')) as phone_number,
        arg_min(trim(value), contact_id) filter (where type = 'Email') as email,
        list(trim(value)) filter (where type in ('MobilePhone', 'Phone')) as phone_numbers,
        list(trim(value)) filter (where type = 'Email') as emails,
        bool_or(is_forgotten) as are_forgotten,
        max(extracted_at) as read_at
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
        contacts.read_at as contacts_read_at,
        coalesce(contacts.phone_numbers, []) as phone_numbers,
        coalesce(contacts.emails, []) as emails,
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
        coalesce(owned(owners.display_name, display_name), ''), coalesce(owned(owners.address, address_line1), ''), coalesce(owned(owners.address, address_line2), ''),
        coalesce(owned(owners.address, city), ''), coalesce(owned(owners.address, state), ''), coalesce(owned(owners.address, country), ''),
        coalesce(owned(owners.address, postal_code), ''), coalesce(owned(owners.phone_number, phone_number), ''), coalesce(owned(owners.email, email), ''),
        coalesce(owned(owners.payment_terms, coalesce(payment_term_id::varchar, '')), '')
    ])::varchar) as source_hash
from facts
cross join (select owners from rules);

-- Those whose two sides are laid beside each other.
create or replace temp view asked_about as select source_key from customer_facts;
