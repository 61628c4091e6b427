-- Why a sale is blocked: every reason it has, one rule each.

create or replace temp table sales_reasons as
with no_customer as (
    select kind, id, 'no_customer' as code, word || ' ' || label || ' has no customer: give it one in ServiceTitan.' as text
    from sales
    where customer_id is null
),
unknown_customer as (
    select kind, id, 'unknown_customer' as code,
        'Customer ' || named(customer_name, customer_id) || ' is not staged: read it from ServiceTitan by its id.' as text
    from sales
    where customer_id is not null and party is null
),
waits_for_customer as (
    select kind, id, 'waits_for_customer' as code,
        'Waits for customer ''' || coalesce(party_name, '') || ''' (' || party || '), who is neither posted by the '
        || 'customers flow nor linked in customers.csv.' as text
    from sales
    where not may_be_billed
),
units as (
    select kind, id, business_unit_id, business_unit_name, is_unit_mapped from sales
    union
    select kind, id, business_unit_id, business_unit_name, is_unit_mapped from sales_lines
),
unmapped_business_unit as (
    select kind, id, 'unmapped_business_unit' as code,
        case
            when business_unit_id is null then 'No business unit is named: give it one in ServiceTitan.'
            else 'Business unit ' || named(business_unit_name, business_unit_id)
                || ' has no row in business_units.csv' || fault_of('business_units.csv', business_unit_id::varchar) || ': add one with its dimension value.'
        end as text
    from units
    where not is_unit_mapped and (business_unit_id is not null or not exists (
        from units as other where other.kind = units.kind and other.id = units.id and other.is_unit_mapped
    ))
),
unmapped_account as (
    select kind, id, 'unmapped_account' as code,
        'Line ' || string_agg(position, ', ' order by position) || ' (''' || arg_min(description, position) || ''') has no '
        || 'account: '
        || case
            when given(gl_account_number) is null then 'it names no general ledger account'
            else 'general ledger account ''' || gl_account_number || coalesce(' ' || gl_account_name, '') || ''' has no '
                || case when account_fault is null then 'row' else 'usable row' end || ' in accounts.csv'
        end
        || coalesce(
            account_fault || ': mend it.',
            ', and business unit ' || coalesce(named(business_unit_name, business_unit_id), '(none)')
            || ' has no account in business_units.csv: add one of them, or a row for * to accounts.csv'
            || why_not_any('accounts.csv') || '.'
        ) as text
    from sales_lines
    where target_number is null
    group by kind, id, gl_account_number, gl_account_name, account_fault, business_unit_id, business_unit_name
),
unmapped_tax_zone as (
    select kind, id, 'unmapped_tax_zone' as code,
        case when tax_zone_id is null then 'No tax zone is named, and * has' else 'Tax zone ' || named(tax_zone_name, tax_zone_id) || ' has' end
        || case tax when 'erp_computes' then ' no tax_code' else ' no liability_account' end
        || ' in tax_zones.csv' || fault_of('tax_zones.csv', tax_zone_id::varchar) || ': add it'
        || why_not_any('tax_zones.csv') || '.' as text
    from sales
    where
        (tax = 'liability_line' and sales_tax <> 0 and liability_account is null)
        or exists (from sales_lines as line where line.kind = sales.kind and line.id = sales.id and line.lacks_tax_code)
),
no_items as (
    select kind, id, 'no_items' as code,
        word || ' ' || label || ' over ' || figure(total) || ' has no lines: add them in ServiceTitan.' as text
    from sales
    where not has_items and (total is distinct from 0 or is_replayed)
),
total_mismatch as (
    select kind, id, 'total_mismatch' as code,
        case
            when kind = 'credit_memo' and total < 0 then 'Credit memo ' || label || ' has the negative total ' || figure(total)
                || ' (lines and tax ' || figure(items_total + sales_tax) || '), which would be a charge: bill it as an '
                || 'invoice in ServiceTitan.'
            else word || ' ' || label || ' has the total ' || figure(total) || ', its lines ' || figure(items_total)
                || ' and sales tax ' || figure(sales_tax) || ' make ' || figure(items_total + sales_tax)
                || case when has_no_amounts then ', with fractions of a cent or gaps' else '' end || ': mend it in ServiceTitan.'
        end as text
    from sales
    where
        (kind = 'credit_memo' and total < 0)
        or (has_items and (has_no_amounts or total is distinct from round(items_total + sales_tax, 2)))
),
foreign_currency as (
    select kind, id, 'foreign_currency' as code,
        'Business unit ' || named(business_unit_name, business_unit_id) || ' bills in ' || currency || ', the books are in '
        || local_currency || ': enter it by hand.' as text
    from sales
    where currency <> local_currency
),
no_date as (
    select kind, id, 'no_date' as code, word || ' ' || label || ' has no date: give it one in ServiceTitan.' as text
    from sales
    where document_date is null
),
closed_period as (
    select kind, id, 'closed_period' as code,
        'Posting date ' || posting_date || ' is outside the open period ' || open_period(opens, closes)
        || ': open it in the ERP''s ' || period_setting() || ', or set rules.closed_period in connections.yaml.' as text
    from sales
    where is_closed(posting_date, opens, closes)
),
not_posted as (
    select kind, id, 'not_posted' as code, not_posted_text(sync_status) as text
    from sales
    where not is_posted_by_office(sync_status, only_posted)
),
-- What is staged is an older version then: its amounts may be wrong by now.
unreadable as (
    select sales.kind, id, 'unreadable' as code,
        'A newer version of ' || lower(word) || ' ' || label || ' could not be read (' || held.reason
        || '): it stands in staging.quarantine.' as text
    from sales
    join staging.quarantine as held
        on held.system = 'servicetitan' and held.entity = sales.kind || 's' and held.key = sales.id::varchar
),
-- What somebody entered there without our key: the same number and amount, or the same customer, day and amount.
-- Nothing of it is taken over by itself.
by_hand as (
    from erp_sales
    where is_standing
),
entered_by_hand as (
    select sales.kind, sales.id, 'entered_by_hand' as code,
        'Somebody may have entered it there: ' || string_agg(by_hand.number || ' of ' || by_hand.document_date, ', ' order by by_hand.number)
        || ' over ' || figure(any_value(by_hand.total)) || '. If that is it: st-erp accept ' || any_value(sales.business_key) || ' '
        || min(by_hand.number) || '; if not: st-erp replay ' || any_value(sales.business_key) || '.' as text
    from sales
    join by_hand on
        by_hand.type = sales.type
        and by_hand.total = sales.total * sales.direction
        and by_hand.document_date >= sales.go_live
        and (
            given(by_hand.reference) = sales.reference_number
            or (by_hand.customer_number = sales.party and by_hand.document_date = sales.document_date)
        )
        and not starts_with(coalesce(by_hand.reference, ''), 'ST-' || sales.key_prefix || '-')
    where
        not sales.is_replayed and not sales.adopt_only and not sales.is_fixed and sales.total <> 0
        and not exists (
            from known_documents as known
            where known.flow = 'invoices' and known.remote_id = by_hand.document_id and type_there(known.kind, known.amount) = by_hand.type
        )
    group by all
),
reasons as (
    select 1 as rule, * from no_customer
    union all select 2, * from unknown_customer
    union all select 3, * from waits_for_customer
    union all select 4, * from no_items
    union all select 5, * from total_mismatch
    union all select 6, * from unmapped_business_unit
    union all select 7, * from unmapped_account
    union all select 8, * from unmapped_tax_zone
    union all select 9, * from foreign_currency
    union all select 10, * from no_date
    union all select 11, * from closed_period
    union all select 12, * from unreadable
    union all select 13, * from not_posted
    union all select 14, * from entered_by_hand
)
select kind, id, list({code: code, text: text} order by rule, text) as reasons
from reasons
group by kind, id;
