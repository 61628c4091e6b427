-- The documents of the flow payments: one for each part, blocked by every reason it has.

with no_customer as (
    select payment_id, part, 'no_customer' as code, 'Payment ' || label || ' has no customer: give it one in ServiceTitan.' as text
    from payment_documents
    where customer_id is null and party is null
),
unknown_customer as (
    select payment_id, part, 'unknown_customer' as code,
        'Customer ' || named(customer_name, customer_id) || ' is not staged: read it from ServiceTitan by its id.' as text
    from payment_documents
    where customer_id is not null and party is null
),
waits_for_customer as (
    select payment_id, part, 'waits_for_customer' as code,
        'Waits for customer ''' || coalesce(party_name, '') || ''' (' || party || '), who is neither posted by the '
        || 'customers flow nor linked in customers.csv.' as text
    from payment_documents
    where not may_be_billed
),
refund as (
    select payment_id, part, 'refund' as code,
        case when refunded_payment_id is null then 'Payment ' || label || ' gives money back (' || figure(amount) || ')'
            else 'Payment ' || label || ' over ' || figure(amount) || ' refunds payment ' || refunded_payment_id end
        || ', which ' || no_refund() || ': enter the refund by hand ' || refund_entered(business_key) || '.' as text
    from payment_documents
    where is_refund or amount < 0
),
total_mismatch as (
    select payment_id, part, 'total_mismatch' as code,
        'Payment ' || label || ' has the total ' || figure(payment_amount) || ', its parts make ' || figure(parts_total)
        || case when parts_total = payment_amount then ', with fractions of a cent or gaps' else '' end
        || ': mend it in ServiceTitan.' as text
    from payment_documents
    where is_mismatched
),
waits_for_invoice as (
    select payment_id, part, 'waits_for_invoice' as code,
        case standing
            when 'credit' then 'Applied to ' || invoice_label || ' (' || invoice_key || '), which is a credit, and a payment '
                || 'can only settle an invoice: apply it to an invoice in ServiceTitan, or enter it by hand.'
            else 'Waits for invoice ' || invoice_label || ' (' || invoice_key || '), ' || state_text || '.'
        end as text
    from payment_documents
    where standing in ('waits', 'credit')
),
old_invoice as (
    select payment_id, part, 'old_invoice' as code,
        'Applied to invoice ' || invoice_label || ', which is out of scope (dated before go_live, or exported by other '
        || 'software): enter it by hand, or set payments_on_old_invoices to on_account in connections.yaml.' as text
    from payment_documents
    where standing = 'old' and not is_on_account
),
unmapped_payment_type as (
    select payment_id, part, 'unmapped_payment_type' as code,
        'Payment type ''' || coalesce(payment_type_name, '') || ''' has no '
        || case when is_type_mapped then 'batches' else 'row' end
        || ' in payment_types.csv' || fault_of('payment_types.csv', payment_type_name) || ': add it, or a row for *'
        || why_not_any('payment_types.csv') || '.' as text
    from payment_documents
    where not is_type_mapped or (given(batches) is null and draft_batch is null)
),
foreign_currency as (
    select payment_id, part, 'foreign_currency' as code,
        'Business unit ' || named(business_unit_name, business_unit_id) || ' bills in ' || currency || ', the books are in '
        || local_currency || ': enter it by hand.' as text
    from payment_documents
    where currency <> local_currency
),
overlong_key as (
    select payment_id, part, 'overlong_key' as code,
        'Key ' || business_key || ' is longer than the 20 characters of a document number: enter it by hand, or choose a '
        || 'shorter key_prefix before anything is posted.' as text
    from payment_documents
    where length(business_key) > 20
),
no_date as (
    select payment_id, part, 'no_date' as code, 'Payment ' || label || ' has no date: give it one in ServiceTitan.' as text
    from payment_documents
    where payment_date is null
),
closed_period as (
    select payment_id, part, 'closed_period' as code,
        'Posting date ' || posting_date || ' is outside the open period ' || open_period(opens, closes)
        || ': open it in the ERP''s ' || period_setting() || ', or set rules.closed_period in connections.yaml.' as text
    from payment_documents
    where is_closed(posting_date, opens, closes)
),
not_posted as (
    select payment_id, part, 'not_posted' as code, not_posted_text(sync_status) as text
    from payment_documents
    where not is_posted_by_office(sync_status, only_posted)
),
-- What is staged is an older version then: its amounts may be wrong by now.
unreadable as (
    select payment_id, part, 'unreadable' as code,
        'A newer version of payment ' || label || ' could not be read (' || held.reason
        || '): it stands in staging.quarantine.' as text
    from payment_documents
    join staging.quarantine as held
        on held.system = 'servicetitan' and held.entity = 'payments' and held.key = payment_id::varchar
),
reasons as (
    select 1 as rule, * from no_customer
    union all select 2, * from unknown_customer
    union all select 3, * from waits_for_customer
    union all select 4, * from refund
    union all select 5, * from total_mismatch
    union all select 6, * from waits_for_invoice
    union all select 7, * from old_invoice
    union all select 8, * from unmapped_payment_type
    union all select 9, * from foreign_currency
    union all select 10, * from overlong_key
    union all select 11, * from no_date
    union all select 12, * from closed_period
    union all select 13, * from unreadable
    union all select 14, * from not_posted
),
reasons_of_part as (
    select payment_id, part, list({code: code, text: text} order by rule, text) as reasons
    from reasons
    group by all
),
-- A refund of what we posted, or may yet, is no document of ours: `staging.to_do` lists it. Nor is one that was entered.
refunds as (
    select payment_id, part, true as is_left_to_people
    from payment_documents
    where is_refund and (
        refunded_payment_id in (
            select regexp_extract(source_key, '\d+$')::bigint
            from newest_known
            where kind = 'payment' and state not in ('out_of_scope', 'skipped', 'withdrawn')
            union all
            select payment_id
            from payment_documents
            where is_active and not adopt_only and (payment_date >= go_live or is_any_replayed)
        )
        or business_key in (select key from erp_payments)
    )
),
judged as (
    select
        document.*,
        list({key: business_key, amount: money(amount)} order by part) over (partition by payment_id) as parts,
        reasons,
        is_left_to_people,
        case
            when payment_date < go_live and not is_any_replayed then 'out_of_scope'
            when not is_active then 'withdrawn'
            when amount = 0 and payment_amount is not null and not is_replayed then 'skipped'
            when is_left_to_people and not adopt_only and not is_replayed then 'skipped'
            when reasons is not null and not adopt_only then 'blocked'
            else 'due'
        end as verdict
    from payment_documents as document
    left join reasons_of_part using (payment_id, part)
    left join refunds using (payment_id, part)
)
select
    'payments' as flow,
    'payment' as kind,
    source_key,
    business_key,
    coalesce(home_day, start_date) as home_day,
    coalesce(payment_date, home_day, start_date) as business_date,
    coalesce(amount, 0)::decimal(18, 2) as amount,
    currency,
    coalesce(party, '') as party,
    source_hash,
    payment_payload(judged) as payload,
    label,
    part,
    revision,
    verdict,
    to_json(case
        when verdict = 'blocked' then reasons
        when is_left_to_people then list_filter(reasons, lambda reason: reason.code = 'refund')
        else []
    end) as reasons,
    adopt_only
from judged
where is_built
order by business_date, payment_id, part;
