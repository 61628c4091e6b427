-- The documents of the flow suppliers: active vendors that no supplier is, as suppliers to create.

create or replace temp macro house_number() as '^(\d+[A-Za-z]?)\s+(.+)$';

with documents as (
    select
        vendor.*,
        'ST-' || rules.key_prefix || '-V-' || vendor.vendor_id as business_key,
        'ST-' || rules.key_prefix || '-VEND-' || open_supplier as key_of_supplier,
        coalesce(known.replayed and not known.is_final, false) as is_replayed,
        rules.start_date, rules.time_zone, rules.local_currency
    from unmatched_vendors as vendor
    cross join rules
    left join newest_known as known on known.kind = 'supplier' and known.source_key = vendor.source_key
    where getvariable('erp_settings').create_in_s4 and coalesce(known.is_standing, false) = false
),
reasons as (
    select source_key, 1 as rank, 'entered_by_hand' as code,
        'The ERP has ' || asked_suppliers || '. If that is it: '
        || coalesce('st-erp accept ' || key_of_supplier || ' ' || vendor_id, 'see to it that it can be ordered from, and it is linked')
        || '; if not: st-erp replay ' || business_key || ', which creates another.' as text
    from documents
    where asked_suppliers is not null and not is_replayed
    union all
    select source_key, 2, 'no_country',
        'The ERP demands the country of a supplier, as a code of two letters or as USA or Canada: give vendor '
        || named(name, vendor_id) || ' one in ServiceTitan.'
    from documents
    where coalesce(country_code(country), '') = ''
),
blocked as (
    select source_key, list({'code': code, 'text': text} order by rank) as reasons from reasons group by source_key
)
select
    'suppliers' as flow,
    'supplier' as kind,
    documents.source_key,
    business_key,
    greatest((extracted_at at time zone time_zone)::date, start_date) as home_day,
    coalesce((created_at at time zone time_zone)::date, home_day) as business_date,
    0::decimal(18, 2) as amount,
    coalesce(local_currency, '') as currency,
    coalesce(name, '') as party,
    md5(to_json([name, phone, email, street, unit, city, state, zip_there, country])::varchar) as source_hash,
    to_json({
        key: business_key,
        name: trim(name),
        street: given(left(concat_ws(' ', coalesce(
            given(regexp_extract(trim(street), house_number(), 2)), trim(street)), given(unit)), 60)),
        house_number: given(left(regexp_extract(trim(street), house_number(), 1), 10)),
        city: given(left(trim(city), 40)),
        postal_code: given(left(trim(zip_there), 10)),
        region: given(left(state_code(state), 3)),
        country: country_code(country),
        phone: given(left(trim(phone), 30)),
        email: given(email),
        grouping: getvariable('erp_settings').grouping,
        company_code: getvariable('erp_settings').company_code,
        reconciliation_account: getvariable('erp_settings').reconciliation_account,
        payment_terms: getvariable('erp_settings').payment_terms,
        purchasing_organization: getvariable('erp_settings').purchasing_organization,
        order_currency: getvariable('erp_settings').currency
    }) as payload,
    coalesce(name, '') as label,
    0 as part,
    0 as revision,
    case when blocked.reasons is null then 'due' else 'blocked' end as verdict,
    to_json(coalesce(blocked.reasons, [])) as reasons,
    false as adopt_only
from documents
left join blocked on blocked.source_key = documents.source_key
union all
-- Linked, deactivated or no longer to be created, before it was sent.
select
    'suppliers', 'supplier', source_key, business_key, (select start_date from rules), (select start_date from rules), 0, '',
    '', '', '{}', '', 0, revision, 'withdrawn', '[]', false
from newest_known as known
where
    known.kind = 'supplier' and not known.is_final
    and exists (from staging.stg_servicetitan__vendors) and known.source_key not in (select source_key from documents)
order by business_key;
