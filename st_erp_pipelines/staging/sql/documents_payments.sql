-- Payments that are built this time, and the parts each of them is sent in.

create or replace temp table payments as
with known as (
    select
        known.source_key,
        bool_and(known.is_final) as is_final,
        bool_or(known.is_standing) as is_any_standing,
        bool_or(known.is_fixed) as is_any_fixed,
        string_agg(known.split, '') filter (where known.is_fixed) as fixed_split,
        bool_or(known.adopt_only) as is_any_adopt_only,
        bool_or(known.replayed) as is_any_replayed,
        bool_or(is_built_again(
            known.is_final, known.state, known.is_flagged, known.source_hash, payment.source_hash,
            payment.is_active is distinct from false
        )) as is_built_again
    from newest_known as known
    join staging.stg_servicetitan__payments as payment on payment.source_key = known.source_key
    where known.kind = 'payment'
    group by known.source_key
)
select
    payment.* replace (payment.is_active is distinct from false as is_active),
    coalesce(given(payment.reference_number), given(payment.check_number), payment.payment_id::varchar) as label,
    coalesce(payment.total < 0, false) or payment.refunded_payment_id is not null as is_refund,
    -- What was sent, or is to be taken back, keeps the parts it had.
    coalesce(known.is_any_fixed, false) or payment.is_active is not distinct from false as keeps_parts,
    is_adopt_only(known.is_any_adopt_only, payment.sync_status, payment.first_sync_status) as is_any_adopt_only,
    coalesce(known.is_any_replayed, false) as is_any_replayed,
    known.fixed_split,
    coalesce(own_type.payment_type_name, any_type.payment_type_name) is not null as is_type_mapped,
    coalesce(case when own_type.payment_type_name is null then any_type.batches else own_type.batches end, '') as batches,
    coalesce(
        case when own_type.payment_type_name is null then any_type.balancing_account else own_type.balancing_account end, ''
    ) as balancing_account,
    coalesce(given(units.currency), rules.local_currency, '') as currency,
    parties.number as party,
    parties.name as party_name,
    parties.may_be_billed,
    rules.*
from staging.stg_servicetitan__payments as payment
cross join rules
left join known on known.source_key = payment.source_key
left join mapping.payment_types as own_type on lower(own_type.payment_type_name) = lower(trim(payment.payment_type_name))
left join mapping.payment_types as any_type on any_type.payment_type_name = '*'
left join staging.stg_servicetitan__business_units as units on units.business_unit_id = payment.business_unit_id
left join parties on parties.customer_id = payment.customer_id
where
    (
        is_posted_by_office(payment.sync_status, rules.only_posted)
        or not known.is_final
        or (known.is_any_standing and payment.is_active is not distinct from false)
    )
    and (payment.is_active is distinct from false or known.source_key is not null)
    and (known.source_key is null or known.is_built_again);

create or replace temp table payment_parts as
with applied as (
    select
        payment_id, invoice_id, amount,
        row_number() over (partition by payment_id order by applied_id) as part
    from staging.stg_servicetitan__payment_applications
    where amount is distinct from 0
),
on_account as (
    select payment.payment_id, payment.total - coalesce(sum(applied.amount), 0) as amount, count(applied.part) as applied_count
    from payments as payment
    left join applied on applied.payment_id = payment.payment_id
    where not payment.is_refund
    group by payment.payment_id, payment.total
),
fresh as (
    select payment_id, 0 as part, total as amount, null::bigint as invoice_id from payments where is_refund
    union all
    select payment_id, part, amount, invoice_id from applied
    where payment_id in (select payment_id from payments where not is_refund)
    union all
    select payment_id, 0, amount, null from on_account where amount > 0 or applied_count = 0
),
kept as (
    select
        payment.payment_id, known.part, known.amount,
        try_cast(regexp_extract(known.applies_to, '-INV-(\d+)', 1) as bigint) as invoice_id
    from payments as payment
    join newest_known as known on known.kind = 'payment' and known.source_key = payment.source_key
    -- What was taken back is a part again once the payment is restored, if it was one of those that were sent.
    where
        known.state <> 'withdrawn'
        or (payment.is_active and regexp_matches(payment.fixed_split, '-' || known.part || '(-R\d+)?"'))
),
parts as (
    select fresh.* from fresh join payments using (payment_id) where not keeps_parts
    union all
    select kept.* from kept join payments using (payment_id) where keeps_parts
)
select
    parts.*,
    coalesce(known.revision, 0) as revision,
    case
        when known.is_fixed then known.business_key
        else of_revision(payment.key_prefix || 'P' || parts.payment_id || '-' || parts.part, coalesce(known.revision, 0))
    end as business_key,
    coalesce(known.adopt_only, payment.is_any_adopt_only) as adopt_only,
    coalesce(known.replayed, false) as is_replayed,
    known.source_key is null or is_built_again(
        known.is_final, known.state, known.is_flagged, known.source_hash, payment.source_hash, payment.is_active
    ) as is_built,
    sum(parts.amount) over (partition by parts.payment_id) as parts_total,
    not payment.keeps_parts and (
        parts_total is distinct from payment.total
        or bool_or(is_no_amount(parts.amount)) over (partition by parts.payment_id)
    ) as is_mismatched
from parts
join payments as payment using (payment_id)
left join newest_known as known
    on known.kind = 'payment' and known.source_key = payment.source_key and known.part = parts.part;

-- Where the invoice of a part stands: `there`, `credit`, `old`, `waits`; `none` for what is on account.
create or replace temp table payment_applied as
select
    parts.payment_id,
    parts.part,
    parts.invoice_id,
    coalesce(invoice.reference_number, parts.invoice_id::varchar) as label,
    coalesce(known.business_key, 'ST-' || rules.key_prefix || '-INV-' || parts.invoice_id) as business_key,
    case when known.is_standing then known.remote_id end as remote_id,
    -- The ERP takes a payment from the customer of its invoice only, whoever was merged since.
    case when known.is_standing then coalesce(given(erp.customer_number), given(known.party)) end as party,
    coalesce(erp.posting_date, invoice.invoice_date) as posting_date,
    case
        when parts.invoice_id is null then 'none'
        when invoice.total < 0 then 'credit'
        when known.is_standing or is_observed_ready(rules.mode, known.state) then 'there'
        when known.state = 'out_of_scope' or (invoice.invoice_date < rules.go_live and known.replayed is not true) then 'old'
        else 'waits'
    end as standing,
    standing = 'none' or (standing = 'old' and rules.payments_on_old_invoices = 'on_account') as is_on_account,
    case
        when known.state is not null then 'which is ' || replace(known.state, '_', ' ')
        when invoice.invoice_id is null then 'which is not staged yet'
        when not invoice.is_active then 'which is voided in ServiceTitan'
        when not is_posted_by_office(invoice.sync_status, rules.only_posted) then 'which the office has not posted in ServiceTitan'
        else 'which is not built yet'
    end as state_text
from payment_parts as parts
cross join rules
left join staging.stg_servicetitan__invoices as invoice on invoice.invoice_id = parts.invoice_id
left join newest_known as known
    on known.kind = 'invoice'
    and known.source_key = 'servicetitan/' || rules.tenant_id || '/invoice/' || parts.invoice_id
left join erp_sales as erp
    on erp.type = 'invoice' and lower(erp.document_id) = lower(known.remote_id) and erp.is_posted;

create or replace temp table payment_documents as
select
    payment.* exclude (total, party, may_be_billed),
    payment.total as payment_amount,
    parts.* exclude (payment_id, invoice_id),
    applied.invoice_id,
    applied.label as invoice_label,
    applied.business_key as invoice_key,
    applied.remote_id as invoice_remote_id,
    applied.standing,
    applied.state_text,
    applied.is_on_account,
    coalesce(applied.party, payment.party) as party,
    payment.may_be_billed or applied.party is not null as may_be_billed,
    in_open_period(
        greatest(payment.payment_date, case when not applied.is_on_account then applied.posting_date end),
        payment.opens, payment.closed_period
    ) as posting_date
from payments as payment
join payment_parts as parts using (payment_id)
join payment_applied as applied on applied.payment_id = parts.payment_id and applied.part = parts.part;
