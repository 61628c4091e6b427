-- What became of each supplier invoice: whether ServiceTitan has a bill of the same amount. From the temporary tables that
-- the documents of the flow are made of. Parameters: now, settle (until a bill has surely been made of a receipt), wait_days
-- (until goods that were billed should have been received), tolerance.

-- Of one order, receipts belong to the invoice whose key or number they have; none to two invoices. What we received by
-- one that is void by now belongs to another that bills the same.
create or replace temp table receipts_named as
from (
    select
        share.supplier_invoice, share.fiscal_year, share.part, receipt.receipt_id,
        coalesce(receipt.our_key = share.stem, false) or coalesce(receipt.receipt_id::varchar = share.known_remote_id, false)
            as is_ours,
        not receipt.is_by_us and (receipt.our_key is null or share.is_received_by_field) and share.has_own_number
            and coalesce(receipt.vendor_number = share.vendor_number, false) as has_its_number
    from supplier_invoice_documents as share
    join receipts_there as receipt on receipt.purchase_order_id = share.purchase_order_id
    where receipt.is_active and not share.is_void
)
where is_ours or has_its_number
qualify
    rank() over (partition by supplier_invoice, fiscal_year, part order by is_ours desc) = 1
    and row_number() over (partition by receipt_id order by is_ours desc, fiscal_year, supplier_invoice) = 1;

-- Of what is left, by equal amounts; and the last receipt belongs to the last invoice.
create or replace temp table receipts_matched as
with shares_left as (
    select supplier_invoice, fiscal_year, part, purchase_order_id, amount, posting_date, is_received_by_field,
        count(*) over (partition by purchase_order_id) as left_there
    from supplier_invoice_documents as share
    anti join receipts_named as named using (supplier_invoice, fiscal_year, part)
    where verdict in ('skipped', 'due') and purchase_order_id is not null
),
receipts_left as (
    select receipt.receipt_id, receipt.purchase_order_id, receipt.created_at, receipt.our_key is null as is_of_field,
        coalesce(bill.bill_amount, receipt.receipt_amount) as amount,
        count(*) over (partition by receipt.purchase_order_id) as left_there
    from receipts_there as receipt
    left join bills_there as bill on bill.ap_bill_id = receipt.ap_bill_id
    where receipt.is_active and not receipt.is_by_us and receipt.receipt_id not in (select receipt_id from receipts_named)
),
equal as (
    select supplier_invoice, fiscal_year, part, receipt_id, false as is_ours
    from (
        select *, row_number() over (partition by purchase_order_id, amount order by posting_date, supplier_invoice) as nth
        from shares_left
    ) as share
    join (
        select *, row_number() over (partition by purchase_order_id, amount order by created_at, receipt_id) as nth
        from receipts_left
    ) as receipt using (purchase_order_id, amount, nth)
    where is_of_field or is_received_by_field
),
only_ones as (
    select supplier_invoice, fiscal_year, part, receipt_id, false
    from shares_left
    join receipts_left using (purchase_order_id)
    where shares_left.left_there = 1 and receipts_left.left_there = 1 and (is_of_field or is_received_by_field)
)
select supplier_invoice, fiscal_year, part, receipt_id, is_ours from receipts_named
union
from equal
union
from only_ones;

-- The receipt of one that is void, and the invoice that has it now.
create or replace temp table receipts_of_void as
select
    share.supplier_invoice, share.fiscal_year, share.part, receipt.receipt_id, receipt.number,
    matched.supplier_invoice || '/' || matched.fiscal_year as heir
from supplier_invoice_documents as share
join receipts_there as receipt on receipt.our_key = share.stem or receipt.receipt_id::varchar = share.known_remote_id
left join receipts_matched as matched on matched.receipt_id = receipt.receipt_id
where share.is_void and receipt.is_active;

-- More than was ordered, or by us and by the field more than was billed.
create or replace temp table received_twice as
with by_item as (
    select
        item.purchase_order_item_id as item_id, bool_or(receipt.is_by_us) as has_ours,
        bool_or(receipt.our_key is null) as has_theirs,
        array_to_string(list_sort(list(distinct coalesce(receipt.number, receipt.receipt_id::varchar))), ' and ') as receipts
    from staging.stg_servicetitan__receipt_items as item
    join receipts_there as receipt using (receipt_id)
    where receipt.is_active
    group by all
    having count(distinct receipt_id) > 1
),
billed as (select item_id, sum(counted) as billed from invoice_lines group by all)
select
    item.purchase_order_id,
    string_agg(
        figure(item.received) || ' of ' || figure(item.ordered) || ' ordered are received of ''' || item.description
        || ''', by receipts ' || by_item.receipts || if(item.received > item.ordered, '', ', but ' || figure(billed) || ' billed'),
        '; ' order by item.item_id
    ) as said,
    bool_or(item.received > item.ordered) as is_above_ordered
from order_items_there as item
join by_item using (item_id)
left join billed using (item_id)
where by_item.has_ours and (item.received > item.ordered or (by_item.has_theirs and item.received > billed))
group by all;

create or replace table staging.supplier_invoice_results as
with matched as (
    select
        matched.supplier_invoice, matched.fiscal_year, matched.part,
        min(receipt_id) as receipt_id, bool_or(matched.is_ours) as is_ours, max(receipt.created_at) as received_at,
        string_agg(coalesce(receipt.number, receipt_id::varchar), ' and ' order by receipt_id) as receipts,
        bool_and(coalesce(bill.is_standing, false)) as is_billed,
        list_distinct(list({id: bill.ap_bill_id, amount: bill.bill_amount}) filter (bill.is_standing)) as its_bills
    from (
        from receipts_matched
        union all
        select supplier_invoice, fiscal_year, part, receipt_id, true from receipts_of_void where heir is null
    ) as matched
    join receipts_there as receipt using (receipt_id)
    left join bills_there as bill on bill.ap_bill_id = receipt.ap_bill_id
    group by all
),
-- Under the supplier's number, of its order or without any receipt at all.
alone as (
    select
        share.supplier_invoice, share.fiscal_year, share.part,
        list({id: bill.ap_bill_id, amount: bill.bill_amount} order by bill.ap_bill_id) as lone_bills
    from supplier_invoice_documents as share
    join bills_there as bill
        on bill.typed_vendor_number = share.vendor_number
        and (bill.purchase_order_id = share.purchase_order_id or bill.vendor_id = share.vendor_id)
    where
        bill.is_standing and is_of_that_year(bill.bill_date, share.document_date) and share.same_number_as is null
        and not exists (
            from receipts_there join receipts_matched using (receipt_id) where receipts_there.ap_bill_id = bill.ap_bill_id
        )
    group by all
),
facts as (
    select
        share.*, matched.receipt_id, matched.receipts, matched.received_at, coalesce(matched.is_ours, false) as has_ours,
        if(matched.receipt_id is null, alone.lone_bills, if(matched.is_billed, matched.its_bills, null)) as bills,
        list_sum(list_transform(bills, lambda bill: bill.amount))::decimal(18, 2) as bill_amount,
        twice.said as twice, twice.is_above_ordered, inherited.said as inherited,
        has_ours or coalesce(known_state in ('posted', 'adopted'), false) as is_standing,
        coalesce(share.currency_code is distinct from rules.local_currency, false) as is_foreign,
        rules.go_live
    from supplier_invoice_documents as share
    cross join rules
    left join matched using (supplier_invoice, fiscal_year, part)
    left join alone using (supplier_invoice, fiscal_year, part)
    left join received_twice as twice on twice.purchase_order_id = share.purchase_order_id
    left join (
        select supplier_invoice, fiscal_year, part, string_agg('receipt ' || number || ' stands for ' || heir, ', ') as said
        from receipts_of_void
        group by all
    ) as inherited using (supplier_invoice, fiscal_year, part)
),
judged as (
    select
        *,
        case
            when is_void and is_standing and receipt_id is not null then ['exception', 'reversed']
            when is_void then ['out_of_scope', 'reversed']
            when status = '' then ['out_of_scope', 'posted_online']
            when status = '2' then ['out_of_scope', 'deleted']
            when not is_active then ['out_of_scope', 'parked']
            when verdict = 'out_of_scope' and not is_standing then ['out_of_scope', 'before_go_live']
            when left_out is not null and not is_standing then ['out_of_scope', 'left_out']
            when known_state in ('rejected', 'conflict') then ['exception', known_state]
            when verdict = 'blocked' and not is_standing then ['exception', reasons[1].code]
            when is_old and not is_standing then ['out_of_scope', 'old_order']
            when verdict = 'due' and not is_standing then ['waiting', 'not_sent']
            when twice is not null and has_ours then ['discrepancy', 'received_twice']
            when bills is not null and is_foreign then ['matched', 'not_compared']
            when abs(bill_amount - amount) <= $tolerance then ['matched', '']
            when bills is not null then ['discrepancy', 'amount_differs']
            when receipt_id is not null then
                [if(received_at + $settle::interval > $now::timestamptz, 'waiting', 'bill_missing'), 'no_bill']
            when is_standing and known_remote_id in (select receipt_id::varchar from receipts_there) then
                ['discrepancy', 'receipt_canceled']
            when is_standing then ['waiting', 'not_read_back']
            when state in ('blocked', 'ready', 'sending', 'in_doubt', 'unavailable', 'rejected', 'conflict') and not is_there
                then [if(state in ('blocked', 'rejected', 'conflict'), 'exception', 'waiting'), 'waits_for_order']
            else [if(posting_date + $wait_days::integer > $now::date, 'waiting', 'bill_missing'), 'no_receipt']
        end as found
    from facts
)
select
    supplier_invoice, fiscal_year, purchase_order, posting_date as business_date, supplier, vendor_invoice_number,
    key as business_key, coalesce(mode, 'match_only') as mode, known_state as state, found[1] as result, found[2] as cause,
    currency_code, amount, purchase_order_id,
    coalesce(receipt_id, if(is_standing, try_cast(known_remote_id as bigint), null)) as receipt_id,
    if(is_compared, bills[1].id, null) as ap_bill_id,
    if(is_compared, bill_amount, null) as bill_amount,
    if(is_compared and found[2] <> 'not_compared', bill_amount - amount, null)::decimal(18, 2) as difference,
    case found[2]
        when '' then ''
        when 'reversed' then
            'It and ' || coalesce(reversed_with, 'another') || ' reverse each other in S/4HANA'
            || if(
                found[1] = 'exception', ': cancel receipt ' || receipts || ' in ServiceTitan, and its bill.',
                coalesce('; ' || inherited, '') || '.'
            )
        when 'posted_online' then 'It has no status, as invoices of old releases: nothing is done with it.'
        when 'deleted' then 'It was deleted in S/4HANA before it was posted.'
        when 'parked' then 'It is not posted in S/4HANA yet (status ' || status || ').'
        when 'before_go_live' then 'It was posted before go-live.'
        when 'old_order' then 'Its order ' || purchase_order || ' is from before go-live, and not in ServiceTitan.'
        when 'left_out' then 'Its order ' || purchase_order || ' is left out: ' || left_out || '.'
        when 'not_sent' then 'Its receipt is not in ServiceTitan yet.'
        when 'received_twice' then
            twice || ': cancel one of them in ServiceTitan'
            || if(is_above_ordered, '.', ', unless the rest did come and is billed later.')
        when 'not_compared' then 'ServiceTitan has a bill of it, in its own currency: the amounts are not compared.'
        when 'amount_differs' then
            'ServiceTitan''s bill says ' || money(bill_amount) || ', S/4HANA ' || money(amount)
            || coalesce(' (receipt ' || receipts || ')', '') || ': mend the one that is wrong.'
        when 'no_bill' then
            'ServiceTitan has made no bill of receipt ' || receipts
            || if(found[1] = 'waiting', ' yet.', ': does its purchase order type make bills?')
        when 'receipt_canceled' then 'Its receipt ' || known_remote_id || ' was canceled in ServiceTitan.'
        when 'not_read_back' then 'Its receipt ' || known_remote_id || ' was not read back yet.'
        when 'waits_for_order' then 'Its order ' || purchase_order || ' is not in ServiceTitan yet.'
        when 'no_receipt' then
            'Nothing of order ' || coalesce(number_there, purchase_order) || ' was received in ServiceTitan that this bills'
            || if(found[1] = 'waiting', ' yet.', ': receive it there, or say what the receipt is called.')
        else coalesce(
            array_to_string(list_transform(reasons, lambda reason: reason.text), ' '),
            if(found[1] = 'exception', 'st-erp audit ' || key || ' says why.', '')
        )
    end as sentence
from (select *, found[1] in ('matched', 'discrepancy') as is_compared from judged);

comment on table staging.supplier_invoice_results is
    'What became of each supplier invoice of S/4HANA, one row for each order that it bills: is there a bill in ServiceTitan?';
comment on column staging.supplier_invoice_results.supplier_invoice is 'number in S/4HANA';
comment on column staging.supplier_invoice_results.fiscal_year is 'its fiscal year: numbers repeat';
comment on column staging.supplier_invoice_results.purchase_order is 'the order in S/4HANA; null where it bills none';
comment on column staging.supplier_invoice_results.business_date is 'posting date';
comment on column staging.supplier_invoice_results.supplier is 'who sent it';
comment on column staging.supplier_invoice_results.vendor_invoice_number is 'the supplier''s number of it';
comment on column staging.supplier_invoice_results.business_key is 'our key, see audit.documents';
comment on column staging.supplier_invoice_results.mode is
    'receive: its receipt is made in ServiceTitan; match_only: the field receives, and the two are compared';
comment on column staging.supplier_invoice_results.state is 'of its document, see audit.states; null where it has none';
comment on column staging.supplier_invoice_results.result is
    'matched, discrepancy, bill_missing, exception, waiting, or out_of_scope';
comment on column staging.supplier_invoice_results.cause is 'why, in one word; empty where they agree';
comment on column staging.supplier_invoice_results.currency_code is 'currency of the invoice';
comment on column staging.supplier_invoice_results.amount is 'what the invoice says of this order, with its part of tax and shipping';
comment on column staging.supplier_invoice_results.purchase_order_id is 'the order in ServiceTitan';
comment on column staging.supplier_invoice_results.receipt_id is 'its receipt there, the first of several';
comment on column staging.supplier_invoice_results.ap_bill_id is 'the bill that ServiceTitan made, the first of several';
comment on column staging.supplier_invoice_results.bill_amount is 'what the bills say';
comment on column staging.supplier_invoice_results.difference is 'ServiceTitan less S/4HANA; 0 where they agree';
comment on column staging.supplier_invoice_results.sentence is 'what happened, and what to do';
