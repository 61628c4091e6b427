-- What people have to do in the ERP about payments that stand there. Its API can neither apply, unapply nor reverse a
-- posted payment, nor pay one back; cash is booked once, and what ServiceTitan does with it later posts nothing.
-- From staging and the temporary table `known_documents`, the outbox's side.

-- The parts of payments that stand there, or may yet (`is_standing`, or not), under the numbers they have there.
create or replace temp table to_do_parts as
with newest as (
    select *, string_split(coalesce(nullif(remote_number, ''), business_key), ', ') as numbers
    from known_documents
    where kind = 'payment'
    qualify row_number() over (partition by source_key, part order by revision desc) = 1
),
reversed as (select number from erp_payments where is_reversed and number in (select unnest(numbers) from newest))
select
    payment.payment_id,
    known.amount,
    known.party,
    array_to_string(known.numbers, ', ') as document_number,
    try_cast(regexp_extract(known.applies_to, '-INV-(\d+)', 1) as bigint) as invoice_id,
    known.state in ('posted', 'adopted') as is_standing
from newest as known
join staging.stg_servicetitan__payments as payment on payment.source_key = known.source_key
where
    known.state not in ('out_of_scope', 'skipped', 'withdrawn')
    and not list_has_all(coalesce((select list(number) from reversed), []), known.numbers);

create or replace temp table to_do_applied as
select payment_id, invoice_id, sum(amount) as amount, max(applied_at) as applied_at
from staging.stg_servicetitan__payment_applications
group by all;

-- What is applied where, invoice by invoice: now, and what was when it was posted and is no longer. `shown` is how much more
-- the ERP shows as paid than it would had none of it been done. Where it shows all and nothing went, there is nothing to do.
create or replace temp table to_do_changes as
with invoices as (
    select
        regexp_extract(known.source_key, '\d+$')::bigint as invoice_id,
        known.business_key as invoice_key,
        erp.document_id,
        erp.number as invoice_number,
        erp.remaining_amount,
        erp.total - erp.remaining_amount as paid
    from (
        from known_documents
        where kind = 'invoice'
        qualify row_number() over (partition by source_key order by revision desc) = 1
    ) as known
    join erp_sales as erp on erp.type = 'invoice' and lower(erp.document_id) = lower(known.remote_id)
    where known.state in ('posted', 'adopted') and erp.is_standing
),
payments as (
    select
        payment.payment_id,
        payment.modified_at,
        payment.is_active is distinct from false as is_active,
        sum(parts.amount) <> any_value(payment.total) as is_edited  -- which it is flagged for: how it is applied tells nothing
    from to_do_parts as parts
    join staging.stg_servicetitan__payments as payment using (payment_id)
    group by all
    having bool_or(parts.is_standing)
),
posted as (
    select
        payment_id,
        invoice_id,
        coalesce(sum(amount) filter (is_standing), 0) as amount,
        coalesce(sum(amount) filter (not is_standing), 0) as coming  -- and will be applied when it is posted
    from to_do_parts
    where invoice_id is not null
    group by all
),
compared as (
    select
        payments.payment_id,
        invoices.*,
        payments.is_active,
        coalesce(posted.amount, 0) as before,
        case
            when not payments.is_active then 0
            when payments.is_edited then before
            else greatest(coalesce(applied.amount, 0) - coalesce(posted.coming, 0), 0)
        end as now,
        coalesce(applied.applied_at, payments.modified_at) as applied_at,
        payments.modified_at
    from posted
    full join to_do_applied as applied using (payment_id, invoice_id)
    join payments using (payment_id)
    join invoices using (invoice_id)
),
changes as (
    select 'apply' as what, now as amount, applied_at as since, now as worth, * exclude (applied_at, modified_at)
    from compared
    where now > 0
    union all
    select 'unapply', before - now, modified_at, now - before, * exclude (applied_at, modified_at)
    from compared
    where before > now
)
select
    *,
    paid + coalesce(sum(worth) filter (what = 'unapply') over (partition by invoice_id), 0) as shown,
    row_number() over (partition by invoice_id order by since, payment_id, what) - 1 as place
from changes
qualify
    bool_or(what = 'unapply') over (partition by invoice_id)
    or sum(worth) over (partition by invoice_id) > paid;

-- The ERP says of an invoice what is paid, not by which payment. So those changes are done that together come nearest to
-- what it shows, first of all what was posted just so, and the more the better: two payments that change places leave no
-- trace. What is left over was paid by others. Of more than twelve the oldest are tried.
create or replace temp table to_do_open as
with sets as (
    select invoice_id, unnest(range(1 << least(count(*), 12))) as members
    from to_do_changes
    group by invoice_id
),
explaining as (
    select
        invoice_id,
        members,
        any_value(shown) as shown,
        coalesce(sum(worth) filter ((members >> place) & 1 = 1), 0) as explained,
        coalesce(sum(least(before, worth)) filter (what = 'apply' and (members >> place) & 1 = 1), 0) as posted_so
    from sets
    join (from to_do_changes where place < 12) using (invoice_id)
    group by all
    having explained <= any_value(shown)
),
done as (
    select invoice_id, arg_max(members, (explained, posted_so, bit_count(members), -members)) as members
    from explaining
    group by invoice_id
)
select changes.*
from to_do_changes as changes
left join done using (invoice_id)
where
    coalesce((done.members >> changes.place) & 1, 0) = 0
    and case when changes.what = 'apply' then changes.remaining_amount > 0 else changes.is_active end;

create or replace table staging.to_do as
with applying as (
    select
        changes.what,
        changes.payment_id,
        case
            when changes.what = 'apply' then least(changes.amount, changes.remaining_amount)
            else changes.amount
        end as amount,
        changes.invoice_number,
        changes.invoice_key,
        changes.since,
        any_value(parts.party) as party,
        coalesce(  -- the part that was applied there, else those with money that is free now
            string_agg(distinct parts.document_number, ', ') filter (parts.invoice_id = changes.invoice_id),
            string_agg(distinct parts.document_number, ', ') filter (coalesce(still.amount, 0) < parts.amount),
            string_agg(distinct parts.document_number, ', ')
        ) as document_number
    from to_do_open as changes
    join to_do_parts as parts on parts.payment_id = changes.payment_id and parts.is_standing
    left join to_do_applied as still on still.payment_id = parts.payment_id and still.invoice_id = parts.invoice_id
    group by all
),
reversing as (
    select
        'reverse' as what,
        payment.payment_id,
        sum(parts.amount) as amount,
        '' as invoice_number,
        '' as invoice_key,
        payment.modified_at as since,
        any_value(parts.party) as party,
        parts.document_number
    from to_do_parts as parts
    join staging.stg_servicetitan__payments as payment using (payment_id)
    where parts.is_standing and not payment.is_active
    group by all
),
-- What the build of payments left to this list (`skipped`), unless what it refunds may still be posted.
refunding as (
    select
        'refund' as what,
        payment.payment_id,
        abs(known.amount) as amount,
        '' as invoice_number,
        '' as invoice_key,
        payment.modified_at as since,
        coalesce(any_value(parts.party), known.party) as party,
        known.business_key as document_number,
        coalesce(string_agg(distinct parts.document_number, ', '), payment.refunded_payment_id || ' in ServiceTitan')
            as refunded
    from known_documents as known
    join staging.stg_servicetitan__payments as payment on payment.source_key = known.source_key
    left join to_do_parts as parts on parts.payment_id = payment.refunded_payment_id
    where
        known.kind = 'payment' and known.state = 'skipped' and payment.refunded_payment_id is not null
        and payment.is_active is distinct from false
        and known.business_key not in (select key from erp_payments)
    group by payment.payment_id, payment.modified_at, payment.refunded_payment_id, known.amount, known.party, known.business_key
    having coalesce(bool_or(parts.is_standing), true)
),
everything as (
    from applying union all by name from reversing union all by name from refunding
)
select
    each.what,
    each.party as customer_number,
    coalesce(nullif(trim(erp.display_name), ''), payment.customer_name, '') as customer_name,
    each.document_number,
    each.amount::decimal(18, 2) as amount,
    each.invoice_number,
    each.invoice_key,
    -- ServiceTitan dates an application with a day (midnight UTC), and notes the moment of any other change.
    (each.since at time zone case each.what when 'apply' then 'UTC' else coalesce(getvariable('zone'), 'UTC') end)::date
        as since,
    case each.what
        when 'apply' then 'Apply ' || each.amount::decimal(18, 2) || ' of payment ' || each.document_number || ' to invoice '
            || each.invoice_number || ': in ServiceTitan it is applied there.'
        when 'unapply' then 'Unapply payment ' || each.document_number || ' from invoice ' || each.invoice_number || ': '
            || each.amount::decimal(18, 2) || ' of it is not applied there in ServiceTitan any more.'
        when 'reverse' then 'Unapply payment ' || each.document_number || ' (' || each.amount::decimal(18, 2)
            || '), and reverse it: it was voided in ServiceTitan after it was posted.'
        else 'Enter the refund of ' || each.amount::decimal(18, 2) || ' by hand ' || refund_entered(each.document_number)
            || ': it refunds payment ' || each.refunded || '.'
    end as sentence,
    regexp_replace(known.business_key, '-\d+(-R\d+)?$', '') as business_key
from everything as each
join staging.stg_servicetitan__payments as payment using (payment_id)
join (
    select source_key, min(business_key) as business_key from known_documents where kind = 'payment' group by all
) as known on known.source_key = payment.source_key
left join erp_customers as erp on erp.number = each.party;

comment on table staging.to_do is
    'What people have to do in the ERP about payments that stand there; a row leaves once the ledger shows it done.';
comment on column staging.to_do.what is 'apply or unapply (to or from an invoice), refund, or reverse';
comment on column staging.to_do.customer_number is 'number of the customer in the ERP';
comment on column staging.to_do.customer_name is 'its name there, else in ServiceTitan';
comment on column staging.to_do.document_number is
    'number of the payment in the ERP; of a refund the one to enter it under, by which it is known to be done';
comment on column staging.to_do.amount is 'how much of it';
comment on column staging.to_do.invoice_number is 'number of the invoice in the ERP; empty for refund and reverse';
comment on column staging.to_do.invoice_key is 'our business key of that invoice';
comment on column staging.to_do.since is 'day on which ServiceTitan changed it';
comment on column staging.to_do.sentence is 'what to do and why, for people';
comment on column staging.to_do.business_key is 'our key of the payment without that of a part, as in reconciliation_documents';
