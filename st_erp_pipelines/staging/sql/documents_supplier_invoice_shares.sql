-- Supplier invoices of S/4HANA, a share for each order that they bill, and what of these orders stands in ServiceTitan.
-- After documents_vendor_links.sql, documents_purchases_there.sql and documents_purchases_left_out.sql.

-- A supplier's number, however somebody typed it.
create or replace temp macro typed_number(x) as nullif(ltrim(upper(regexp_replace(x, '\s', '', 'g')), '0'), '');
-- In whole cents, which lose nothing; the last share takes the remainder.
create or replace temp macro cents(x) as cast(x * 100 as hugeint);
create or replace temp macro part_of(total, share, whole) as
    coalesce((cents(total) * cents(share) // nullif(cents(whole), 0))::decimal(18, 0) / 100, 0)::decimal(18, 2);

-- An invoice and what reverses it name each other, in some releases only one the other: both are void.
create or replace temp table invoices_there as
with naming as (
    select
        supplier_invoice, fiscal_year, reverse_document as other,
        coalesce(reverse_fiscal_year, fiscal_year) as other_year
    from staging.stg_sap_s4hana__supplier_invoices
    where reverse_document is not null
),
void as (
    select supplier_invoice, fiscal_year, min(other || '/' || other_year) as other
    from (
        from naming
        union all
        select other, other_year, supplier_invoice, fiscal_year from naming
    )
    group by all
),
taxes as (
    select supplier_invoice, fiscal_year, sum(tax_amount) as tax
    from staging.stg_sap_s4hana__supplier_invoice_taxes
    group by all
),
facts as (
    select
        invoice.* replace (coalesce(invoice.gross_amount, 0) as gross_amount, coalesce(invoice.delivery_cost, 0) as delivery_cost),
        invoice.supplier_invoice || '/' || invoice.fiscal_year as number,
        typed_number(invoice.vendor_invoice_number) as vendor_number,
        coalesce(taxes.tax, 0) as tax,
        invoice.is_reversal or invoice.is_reversed or void.other is not null as is_void,
        void.other as reversed_with,
        (supplier_invoice, fiscal_year) in (select (supplier_invoice, fiscal_year) from staging.stg_sap_s4hana__supplier_invoice_accounts)
            as has_accounts
    from staging.stg_sap_s4hana__supplier_invoices as invoice
    left join void using (supplier_invoice, fiscal_year)
    left join taxes using (supplier_invoice, fiscal_year)
)
select
    *,
    -- An earlier one with the supplier's number, date and amount of this one.
    case when vendor_number is not null and status = '5' and not is_void then
        lag(number) over (
            partition by supplier, vendor_number, document_date, gross_amount, currency_code, is_credit_memo, status, is_void
            order by creation_date, fiscal_year, supplier_invoice
        )
    end as same_as,
    status = '5' and not is_void and not is_credit_memo and same_as is null as is_counted
from facts;

create or replace temp table receipts_there as
select
    receipt.*,
    typed_number(receipt.vendor_invoice_number) as vendor_number,
    given(regexp_extract(receipt.memo, '\[(ST-' || rules.key_prefix || '-SI-\d+-\d+-\d+)(-R\d+)?\]', 1)) as our_key,
    -- What we received by an invoice that is void by now stands for whichever bills the same: as if the field had.
    our_key is not null and regexp_extract(our_key, '-SI-(\d+-\d+)-', 1)
        not in (select supplier_invoice || '-' || fiscal_year from invoices_there where is_void) as is_by_us
from staging.stg_servicetitan__receipts as receipt
cross join rules;

-- S/4HANA's orders: how their invoices are dealt with, and which order of ServiceTitan each of them is.
create or replace temp table orders_there as
with linked as (
    select source_key, max(try_cast(remote_id as bigint)) as purchase_order_id
    from known_links
    where kind = 'purchase_order'
    group by all
),
found as (
    select
        theirs.purchase_order, theirs.order_type, theirs.order_date, known.business_key, known.state,
        coalesce(sent.purchase_order_id, linked.purchase_order_id) as purchase_order_id,
        case when sent.source_key is null and linked.source_key is null then left_out.left_out end as left_out,
        sent.items, sent.job_id
    from staging.stg_sap_s4hana__purchase_orders as theirs
    left join newest_known as known on known.kind = 'purchase_order' and known.source_key = theirs.source_key
    left join purchases_there as sent on sent.kind = 'purchase_order' and sent.source_key = theirs.source_key
    left join linked on linked.source_key = theirs.source_key
    left join orders_left_out as left_out on left_out.source_key = theirs.source_key
)
select
    found.* exclude (job_id),
    coalesce(ours.job_id, found.job_id) as job_id,
    ours.number as number_there,
    coalesce(ours.status = 'Canceled', false) as is_canceled,
    case
        when type.is_automatically_received then 'match_only'
        else coalesce(given(if(own.order_type is null, any_type.invoices, own.invoices)), rules.invoices)
    end as mode,
    not is_canceled and (found.purchase_order_id is not null or is_observed_ready(rules.mode, found.state)) as is_there,
    -- Nobody delivers it: it was placed before go_live.
    found.purchase_order_id is null
        and (found.state = 'out_of_scope' or (found.state is null and found.order_date < rules.go_live)) as is_old
from found
cross join rules
left join staging.stg_servicetitan__purchase_orders as ours on ours.purchase_order_id = found.purchase_order_id
left join mapping.order_types as own on upper(own.order_type) = upper(found.order_type)
left join mapping.order_types as any_type on any_type.order_type = '*'
left join staging.stg_servicetitan__purchase_order_types as type
    on type.purchase_order_type_id = coalesce(
        ours.purchase_order_type_id, if(own.order_type is null, any_type.type_id, own.type_id));

-- The items of these orders. By its line an item is found where we wrote it: there its text begins with it.
create or replace temp table order_items_there as
with received as (
    select
        item.purchase_order_item_id as item_id,
        sum(item.quantity) as quantity,
        coalesce(sum(item.quantity) filter (receipt.is_by_us), 0) as by_us
    from staging.stg_servicetitan__receipt_items as item
    join receipts_there as receipt using (receipt_id)
    where receipt.is_active
    group by all
)
select
    orders.purchase_order, item.purchase_order_id, item.item_id, item.sku_id, item.description,
    case when orders.items is not null then try_cast(regexp_extract(item.description, '^(\d+)( |$)', 1) as integer) end
        as line,
    item.quantity as ordered,
    greatest(item.quantity_received, received.quantity, 0) as received,
    coalesce(received.by_us, 0) as by_us
from staging.stg_servicetitan__purchase_order_items as item
join orders_there as orders using (purchase_order_id)
left join received using (item_id);

-- Each invoice with each order that it bills.
create or replace temp table invoice_orders as
select
    supplier_invoice, fiscal_year, purchase_order,
    'ST-' || rules.key_prefix || '-SI-' || concat_ws('-', supplier_invoice, fiscal_year, purchase_order) as key,
    (select max(purchase_order_id) from receipts_there where is_active and our_key = key) as received_by_us_on,
    if(is_counted and vendor_number is not null, lag(number) over same_number, null) as same_number_as,
    is_counted and count(*) over (
        partition by purchase_order, supplier, vendor_number, is_counted
    ) = 1 as has_own_number
from invoices_there
cross join rules
join (
    select distinct supplier_invoice, fiscal_year, purchase_order
    from staging.stg_sap_s4hana__supplier_invoice_items
    where purchase_order is not null
) using (supplier_invoice, fiscal_year)
window same_number as (
    partition by purchase_order, supplier, vendor_number, is_counted order by creation_date, fiscal_year, supplier_invoice
);

-- What an invoice bills of each line of an order, and which item of ServiceTitan's order that is. Delivery costs that an
-- order planned name a line and a quantity of it, but are no goods; nor is what changes the price later.
create or replace temp table invoice_lines as
with lines as (
    select
        supplier_invoice, fiscal_year, purchase_order, purchase_order_item as line,
        sum(net_amount) as amount, sum(quantity) as quantity, bool_or(is_subsequent) as is_subsequent,
        coalesce(sum(quantity) filter (not is_subsequent), 0) as of_goods
    from staging.stg_sap_s4hana__supplier_invoice_items
    where purchase_order is not null and delivery_condition is null
    group by all
),
billed as (
    select
        lines.*,
        if(is_counted, of_goods, 0) as counted,
        -- By earlier ones that we have not received; what is in doubt to be another invoice does not count.
        sum(if(is_counted and received_by_us_on is null and same_number_as is null, of_goods, 0)) over (
            partition by purchase_order, line order by posting_date, fiscal_year, supplier_invoice
            rows between unbounded preceding and 1 preceding
        ) as billed_before,
        max(number) filter (status = '5' and is_credit_memo and not is_void and not is_subsequent) over (
            partition by purchase_order, line
        ) as credited_by
    from lines
    join invoices_there using (supplier_invoice, fiscal_year)
    join invoice_orders using (supplier_invoice, fiscal_year, purchase_order)
),
sent as (select purchase_order, unnest(items, max_depth := 2) from orders_there),
mapped as (
    select
        billed.*,
        theirs.description as text,
        sent.description as sent_description,
        coalesce(sent.sku_id, own.sku_id, any_material.sku_id) as mapped_sku_id
    from billed
    left join staging.stg_sap_s4hana__purchase_order_items as theirs
        on theirs.purchase_order = billed.purchase_order and theirs.item = billed.line
    left join sent on sent.purchase_order = billed.purchase_order and try_cast(sent.line as integer) = billed.line
    left join mapping.materials as own on upper(own.material) = upper(theirs.material)
    left join mapping.materials as any_material on any_material.material = '*'
)
select
    mapped.*,
    coalesce(item.sku_id, mapped.mapped_sku_id) as sku_id,
    coalesce(mapped.sent_description, item.description, concat_ws(' ', mapped.line, mapped.text)) as description,
    item.item_id, item.ordered, item.received,
    -- How much of it the field has received: what it received goes to the earliest invoices.
    greatest(least(coalesce(item.received - item.by_us - coalesce(billed_before, 0), 0), quantity), 0) as by_field
from mapped
left join order_items_there as item
    on item.purchase_order = mapped.purchase_order
    and (item.line = mapped.line or (item.line is null and item.sku_id = mapped.mapped_sku_id))
qualify row_number() over (
    partition by supplier_invoice, fiscal_year, mapped.purchase_order, mapped.line order by item.line nulls last, item.item_id
) = 1;

-- A share is worth its lines and its part of tax and shipping; the last one also what no line explains.
create or replace temp table invoice_shares as
with goods as (
    select
        supplier_invoice, fiscal_year, purchase_order, sum(amount) as net, bool_or(is_subsequent) as is_subsequent,
        bool_or(quantity is null or quantity <= 0 or amount < 0) as lacks_quantity,
        string_agg(line, ', ' order by line) filter (sku_id is null) as lines_without_sku,
        bool_and(coalesce(by_field >= quantity, false)) and bool_or(by_field > 0) as is_received_by_field,
        string_agg('line ' || line || ': ' || figure(by_field) || ' of ' || figure(quantity), '; ' order by line)
            filter (by_field > 0) as received_by_field,
        string_agg('line ' || line || ' by ' || credited_by, ', ' order by line) as credited,
        string_agg(
            'line ' || line || ': ' || figure(ordered) || ' ordered, ' || figure(received) || ' received, '
            || figure(quantity) || ' billed now', '; ' order by line
        ) filter (received + quantity > ordered) as above_ordered
    from invoice_lines
    group by all
),
planned as (
    select
        supplier_invoice, fiscal_year, purchase_order, sum(net_amount) as planned_delivery,
        bool_or(freight_supplier is not null and freight_supplier <> supplier) as has_another_carrier
    from staging.stg_sap_s4hana__supplier_invoice_items
    join invoices_there using (supplier_invoice, fiscal_year)
    where purchase_order is not null and delivery_condition is not null
    group by all
),
orders as (
    select
        * replace (coalesce(is_received_by_field, false) as is_received_by_field),
        has_another_carrier or goods.supplier_invoice is null as is_of_carrier
    from invoice_orders
    left join goods using (supplier_invoice, fiscal_year, purchase_order)
    left join planned using (supplier_invoice, fiscal_year, purchase_order)
),
numbered as (
    select
        invoice.*, orders.* exclude (supplier_invoice, fiscal_year, key, net, is_subsequent, planned_delivery),
        coalesce(orders.net, 0)::decimal(18, 2) as net,
        coalesce(orders.planned_delivery, 0)::decimal(18, 2) as planned_delivery,
        coalesce(orders.is_subsequent, false) as is_subsequent,
        if(orders.purchase_order is null, 0, row_number() over of_invoice) as part,
        part in (0, count(*) over whole) as is_last,
        sum(coalesce(orders.net, 0)) over whole as whole_net,
        delivery_cost + sum(coalesce(orders.planned_delivery, 0)) over whole as whole_delivery
    from invoices_there as invoice
    left join orders using (supplier_invoice, fiscal_year)
    window
        whole as (partition by invoice.supplier_invoice, invoice.fiscal_year),
        of_invoice as (partition by invoice.supplier_invoice, invoice.fiscal_year order by orders.purchase_order)
),
parts as (
    select *, part_of(tax, net, whole_net) as tax_part, part_of(delivery_cost, net, whole_net) as delivery_part
    from numbered
),
split as (
    select
        * exclude (tax_part, delivery_part),
        if(is_last, tax - coalesce(sum(tax_part) over before, 0), tax_part)::decimal(18, 2) as tax_part,
        (planned_delivery + if(is_last, delivery_cost - coalesce(sum(delivery_part) over before, 0), delivery_part))::decimal(18, 2)
            as delivery_part
    from parts
    window before as (
        partition by supplier_invoice, fiscal_year order by part rows between unbounded preceding and 1 preceding
    )
)
select
    split.*,
    (if(is_credit_memo, -1, 1) * if(
        is_last,
        gross_amount - coalesce(sum(net + tax_part + delivery_part) over (
            partition by supplier_invoice, fiscal_year order by part rows between unbounded preceding and 1 preceding
        ), 0),
        net + tax_part + delivery_part
    ))::decimal(18, 2) as amount,
    'ST-' || rules.key_prefix || '-SI-' || concat_ws('-', supplier_invoice, fiscal_year, purchase_order) as stem,
    vendor.vendor_id,
    orders.* exclude (purchase_order, items)
        replace (coalesce(orders.purchase_order_id, split.received_by_us_on) as purchase_order_id)
from split
cross join rules
left join orders_there as orders using (purchase_order)
left join vendors_there as vendor using (supplier);
