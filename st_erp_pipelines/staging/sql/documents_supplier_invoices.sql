-- The documents of the flow supplier_invoices: a receipt for each order of an invoice, where ServiceTitan is to receive by
-- invoices; and what people have to do by hand, since no API makes a bill there.

-- The cost of one that, times the quantity, gives the amount to the cent: with as few decimals as do, at most seven, which
-- is all that staging reads back. Above some 100,000 pieces seven may miss it by cents.
create or replace temp macro cost_of(amount, quantity) as coalesce(
    list_filter(
        [
            (amount / quantity)::decimal(18, 2)::decimal(18, 7), (amount / quantity)::decimal(18, 3)::decimal(18, 7),
            (amount / quantity)::decimal(18, 4)::decimal(18, 7), (amount / quantity)::decimal(18, 5)::decimal(18, 7),
            (amount / quantity)::decimal(18, 6)::decimal(18, 7)
        ],
        lambda cost: round(cost * quantity::decimal(18, 3), 2) = amount
    )[1],
    (amount / quantity)::decimal(18, 7)
);

create or replace temp macro plain_cost(x) as rtrim(rtrim(x::varchar, '0'), '.');

-- Bills of ServiceTitan under the supplier's number: also of what somebody entered by hand.
create or replace temp table bills_there as
select
    *,
    typed_number(vendor_number) as typed_vendor_number,
    canceled_at is null and status is distinct from 'Canceled' as is_standing
from staging.stg_servicetitan__ap_bills;

-- Some suppliers begin anew with their numbers each year.
create or replace temp macro is_of_that_year(bill_date, document_date) as
    coalesce(abs(bill_date - document_date) < 300, true);

-- The bill of what we received is that of one invoice, whatever others have its number.
create or replace temp table shares_entered as
select *, same_number_as is null and exists (
    from bills_there as bill
    where bill.is_standing and bill.vendor_id = shares.vendor_id and bill.typed_vendor_number = shares.vendor_number
        and is_of_that_year(bill.bill_date, shares.document_date)
        and not exists (from receipts_there where our_key is not null and ap_bill_id = bill.ap_bill_id)
) as is_entered_by_hand
from invoice_shares as shares;

create or replace temp table supplier_invoice_reasons as
with shares as (from shares_entered),
by_hand as (
    select
        'Enter a bill in ServiceTitan by hand, with the supplier''s number ' || coalesce(vendor_invoice_number, number)
        || ': then it is compared here.' as what_to_do,
        *
    from shares
    where not is_entered_by_hand
)
select supplier_invoice, fiscal_year, part, 1 as rank, true as in_any_mode, 'unknown_status' as code,
    'Its status in S/4HANA is ''' || status || ''', which nobody here knows: is it posted?' as text
from shares
where status not in ('', 'A', 'B', 'C', 'D', 'E', '1', '2', '3', '4', '5')
union all
select supplier_invoice, fiscal_year, part, 2, true, 'double_entry',
    'S/4HANA has the same supplier''s number, date and amount on ' || same_as || ': reverse the one that is too many.'
from shares
where same_as is not null
union all
select supplier_invoice, fiscal_year, part, 3, true, 'credit_memo',
    'ServiceTitan takes no credits of vendors by API: enter a return or a credit of the vendor there by hand.'
from shares
where is_credit_memo
union all
select supplier_invoice, fiscal_year, part, 4, true, 'foreign_currency',
    'It is in ' || coalesce(currency_code, 'no currency') || ', and ServiceTitan knows only '
    || coalesce(rules.local_currency, 'the company''s') || '. ' || what_to_do
from by_hand
cross join rules
where currency_code is distinct from rules.local_currency
union all
select supplier_invoice, fiscal_year, part, 5, true, 'subsequent_debit_credit',
    'It changes only the price of what was billed before, which no receipt can say. ' || what_to_do
from by_hand
where is_subsequent
union all
select supplier_invoice, fiscal_year, part, 6, true, 'carrier',
    'It bills delivery costs of order ' || purchase_order || ' that are another supplier''s, or without the goods, which no '
    || 'receipt can say. ' || what_to_do
from by_hand
where is_of_carrier
union all
select supplier_invoice, fiscal_year, part, 7, true, 'no_purchase_order',
    case when purchase_order is null then 'It has no purchase order' else 'Some of its lines have no purchase order' end
    || ', and ServiceTitan makes bills of receipts of orders alone. ' || what_to_do
from by_hand
where purchase_order is null or has_accounts
union all
select supplier_invoice, fiscal_year, part, 8, false, 'waits_for_order',
    'Waits for the purchase order ' || coalesce(business_key, purchase_order) || ', which is not in ServiceTitan yet.'
from shares
where purchase_order is not null and not is_there and not is_canceled and state not in ('skipped', 'withdrawn')
union all
select supplier_invoice, fiscal_year, part, 9, false, 'no_order_there',
    'Purchase order ' || purchase_order || ' is not in ServiceTitan, or was canceled there: enter the bill there by hand.'
from shares
where
    purchase_order is not null and is_there is not true
    and coalesce(is_canceled or state in ('skipped', 'withdrawn'), true)
union all
select supplier_invoice, fiscal_year, part, 10, false, 'total_mismatch',
    'Lines, tax and shipping make ' || money(whole_net + tax + whole_delivery) || ', the invoice says '
    || money(gross_amount) || ': receive it in ServiceTitan by hand.'
from shares
where whole_net + tax + whole_delivery <> gross_amount
union all
select supplier_invoice, fiscal_year, part, 11, false, 'no_quantity',
    'A line bills an amount without a quantity, or less than nothing: receive it in ServiceTitan by hand.'
from shares
where lacks_quantity
union all
select supplier_invoice, fiscal_year, part, 12, false, 'unmapped_material',
    'No material of ServiceTitan is known for line ' || lines_without_sku || ' of order ' || purchase_order
    || why_not_any('materials.csv') || ': add a row to materials.csv.'
from shares
where lines_without_sku is not null
union all
select supplier_invoice, fiscal_year, part, 13, false, 'same_number',
    'The supplier''s number ' || vendor_invoice_number || ' is also that of ' || same_number_as || ', on the same order: reverse '
    || 'the one that is too many; if both are right, receive this one in ServiceTitan by hand.'
from shares
where same_number_as is not null
union all
select supplier_invoice, fiscal_year, part, 14, false, 'credited',
    'There is a credit memo (' || credited || '). If these goods came anew, receive them in ServiceTitan under the supplier''s '
    || 'number ' || coalesce(vendor_invoice_number, number) || '; if this only mends what was billed before, enter its bill '
    || 'there by hand.'
from shares
where credited is not null
union all
select supplier_invoice, fiscal_year, part, 15, false, 'partly_received',
    'Only a part of what it bills was received in the field (' || received_by_field || '): receive the rest in ServiceTitan '
    || 'under the supplier''s number ' || coalesce(vendor_invoice_number, number) || '.'
from shares
where received_by_field is not null and not is_received_by_field
union all
select supplier_invoice, fiscal_year, part, 16, false, 'above_ordered',
    'More is billed than was ordered (' || above_ordered
    || '): raise the order in S/4HANA, or receive it in ServiceTitan by hand.'
from shares
where above_ordered is not null and received_by_field is null;

create or replace temp table supplier_invoice_documents as
with reasons as (
    select
        supplier_invoice, fiscal_year, part, bool_or(in_any_mode) as is_by_hand,
        coalesce(  -- who does it by hand needs to know no more
            list({'code': code, 'text': text} order by rank) filter (in_any_mode),
            list({'code': code, 'text': text} order by rank)
        ) as reasons
    from supplier_invoice_reasons
    group by all
),
lines as (
    select
        supplier_invoice, fiscal_year, purchase_order,
        list({
            line: line::varchar, sku_id: sku_id, quantity: figure(quantity), cost: plain_cost(cost_of(amount, quantity)),
            description: description
        } order by line) as items
    from invoice_lines
    where quantity > 0
    group by all
),
facts as (
    select
        shares.*, lines.items, coalesce(reasons.is_by_hand, false) as is_by_hand, reasons.reasons,
        known.business_key as known_key, known.state as known_state, known.source_hash as known_hash,
        known.is_final as is_known_final, known.is_flagged, known.remote_id as known_remote_id,
        coalesce(known.revision, 0) as revision,
        coalesce(known.replayed, false) as is_replayed,
        not is_void and status not in ('', 'A', 'B', 'C', 'D', 'E', '1', '2', '3', '4') as is_active,
        coalesce(shares.has_own_number, false) and exists (
            from receipts_there as receipt
            where receipt.is_active and receipt.our_key is null and receipt.purchase_order_id = shares.purchase_order_id
                and receipt.vendor_number = shares.vendor_number
        ) as is_received_under_its_number
    from shares_entered as shares
    left join lines using (supplier_invoice, fiscal_year, purchase_order)
    left join reasons using (supplier_invoice, fiscal_year, part)
    left join newest_known as known
        on known.kind = 'supplier_invoice' and known.source_key = shares.source_key and known.part = shares.part
)
select
    facts.*,
    coalesce(known_key, stem) as key,
    case
        when not is_active then 'withdrawn'
        when posting_date < rules.go_live and not is_replayed then 'out_of_scope'
        when left_out is not null and not is_replayed then 'skipped'  -- its order is none of ours
        when is_by_hand then 'blocked'
        when purchase_order is null then 'skipped'  -- somebody entered it by hand
        when received_by_us_on is not null and facts.mode is distinct from 'match_only' then 'due'  -- it is looked up, and adopted
        when facts.mode = 'match_only' and reasons is null then 'skipped'  -- whoever asks: its goods are received by the field
        when is_replayed then if(reasons is null, 'due', 'blocked')
        when is_entered_by_hand then 'skipped'  -- a receipt would make another bill of it
        when is_old or facts.mode = 'match_only' or is_received_by_field or is_received_under_its_number then 'skipped'
        when reasons is not null then 'blocked'
        else 'due'
    end as verdict
from facts
cross join rules;

select
    'supplier_invoices' as flow,
    'supplier_invoice' as kind,
    source_key,
    key as business_key,
    coalesce(home_day, start_date) as home_day,
    posting_date as business_date,
    amount,
    coalesce(currency_code, '') as currency,
    supplier as party,
    source_hash,
    to_json({
        key: key, memo: 'S/4HANA invoice ' || number || ' [' || key || ']', purchase_order_id: purchase_order_id,
        vendor_document_number: vendor_invoice_number, date_received: posting_date::varchar, tax: money(tax_part),
        shipping: money(delivery_part), job_id: job_id, items: coalesce(items, [])
    }) as payload,
    coalesce(vendor_invoice_number, number) as label,
    part,
    revision,
    verdict,
    to_json(case when verdict = 'blocked' then reasons else [] end) as reasons,
    false as adopt_only
from supplier_invoice_documents
cross join rules
where
    -- What is skipped is built again only where it is not to be skipped any more: there may be years of it.
    case when known_state is null then is_active
        else is_built_again(is_known_final, known_state, is_flagged, known_hash, source_hash, is_active)
            or (known_state = 'skipped' and verdict <> 'skipped')
    end
order by business_date, business_key;
