-- The company's books under the names that every ERP has, see business_central/books.sql.

-- A period may be closed for sales alone. The first open day is the one behind the last locked period that others follow.
create or replace temp view erp_setup as
with periods as (
    select *, status = 'ltUnlocked' as is_open from staging.stg_sap_business_one__finance_periods
),
last_open as (select max(last_day) as closes from periods where is_open)
select
    (select max(last_day) + 1 from periods where not is_open and last_day < closes) as opens,
    closes,
    (select any_value(local_currency_code) from staging.stg_sap_business_one__company) as local_currency
from last_open;

create or replace temp view erp_customers as
select
    customer.card_code as remote_id, customer.card_code as number, customer.display_name, customer.address_line1,
    customer.address_line2, customer.city, customer.state, customer.country, customer.postal_code, customer.phone_number,
    customer.email, term.code as payment_terms_code, customer.source_key, customer.extracted_at
from staging.stg_sap_business_one__customers as customer
left join staging.stg_sap_business_one__payment_terms as term on term.group_number = customer.payment_terms_number::varchar;

-- Those that a line may name, by both their names.
create or replace temp view erp_accounts as
select unnest(list_distinct([code, coalesce(nullif(number, ''), code)])) as number, display_name
from staging.stg_sap_business_one__accounts
where is_active and not is_control and not is_frozen;

-- Where a business unit has no cost centre, its project stands in for the dimension.
create or replace temp view erp_dimensions as
select code, display_name from staging.stg_sap_business_one__dimensions where is_active
union all
select 'PROJECT', 'Project';

create or replace temp view erp_projects as
select code, display_name from staging.stg_sap_business_one__projects where is_active;

create or replace temp view erp_dimension_values as
select dimension_code::varchar as dimension_code, code, display_name
from staging.stg_sap_business_one__distribution_rules
where is_active
union all
select 'PROJECT', code, display_name from erp_projects;

create or replace temp view erp_payment_terms as
select code, code as display_name from staging.stg_sap_business_one__payment_terms;

create or replace temp view erp_tax_codes as
select code, display_name from staging.stg_sap_business_one__tax_codes where is_active;

create or replace temp view erp_means as
select unnest(['CASH', 'CARD', 'CHECK', 'TRANSFER']) as code, '' as display_name;

-- Its items are not read: documents name accounts, and prices lie in lists of their own.
create or replace temp view erp_items as
select
    '' as source_key, '' as number, '' as display_name, false as is_blocked, '' as unit_of_measure_code,
    0::decimal(28, 7) as unit_price, false as is_price_with_tax, 0::decimal(28, 7) as unit_cost, '' as item_category_code,
    now() as modified_at, now() as extracted_at
where false;

create or replace temp view erp_sales as
with documents as (
    select 'invoice' as type, * from staging.stg_sap_business_one__sales_invoices
    union all by name
    select 'credit_memo' as type, * from staging.stg_sap_business_one__sales_credit_memos
)
select
    type, document_id, number, reference, document_date, posting_date, customer_number, total_including_tax as total,
    remaining_amount, true as is_posted,
    cancel_status = 'csNo' as is_standing,
    cancel_status = 'csNo' and status = 'bost_Open' and remaining_amount = total_including_tax as is_untouched
from documents;

-- No line keeps a number of ours: the nth stands for the nth that was sent (documents_sales_lines.sql), and what comes
-- behind them is the tax.
create or replace temp view erp_sales_lines as
with sources as (
    select 'INV-' || invoice_id as stem, position, total from staging.stg_servicetitan__invoice_items
    union all
    select 'CM-' || credit_memo_id, position, total
    from staging.stg_servicetitan__credit_memo_items
    where is_active is distinct from false
),
sent as (
    select
        stem,
        position * 10000 as sequence,
        row_number() over (partition by stem order by position) - 1 as line_number
    from (from sources qualify total <> 0 or bool_and(total = 0) over (partition by stem))
),
lines as (
    select 'invoice' as type, * from staging.stg_sap_business_one__sales_invoice_lines
    union all by name
    select 'credit_memo' as type, * from staging.stg_sap_business_one__sales_credit_memo_lines
),
numbered as (
    select
        lines.type, lines.document_id, lines.amount_excluding_tax, lines.amount_including_tax,
        case
            when sent.sequence is not null then sent.sequence
            when stems.stem is null then (lines.line_number + 1) * 10000  -- not by us
            else 9990000
        end as sequence
    from lines
    join erp_sales as document using (type, document_id)
    left join (select distinct stem from sent) as stems
        on stems.stem = regexp_extract(document.reference, '^ST-[A-Z]+-((INV|CM)-\d+)', 1)
    left join sent on sent.stem = stems.stem and sent.line_number = lines.line_number
)
select
    type, document_id, sequence,
    case when sequence >= 9990000 then 0 else amount_excluding_tax end as net,
    amount_including_tax - case when sequence >= 9990000 then 0 else amount_excluding_tax end as tax
from numbered;

-- How people enter a refund, so that it is known again.
create or replace temp macro refund_entered(key) as 'as an outgoing payment with the remark ' || key;

-- Refunds bear the key that people were asked to write. One without is that of a payment of ours to the same customer,
-- over the same amount, the oldest first: money is given back after it came.
create or replace temp view erp_refunds as
with entered as (
    select
        *,
        nullif(regexp_extract(concat_ws(' ', remarks, transfer_reference), '\b[A-Z]{1,3}P\d+-0\b'), '') as key
    from staging.stg_sap_business_one__outgoing_payments
    where not is_cancelled
),
came as (
    select
        regexp_extract(reference, '^([A-Z]{1,3}P)(\d+)-\d+', ['prefix', 'id']) as of_payment,
        customer_number,
        min(posting_date) as came_on
    from staging.stg_sap_business_one__payments
    where regexp_matches(reference, '^[A-Z]{1,3}P\d+-\d+')
    group by all
),
wanted as (
    select
        of_payment.prefix || refund.payment_id || '-0' as key,
        customer_number,
        abs(refund.total) as amount,
        came_on,
        row_number() over (partition by customer_number, abs(refund.total) order by payment_date, payment_id) as nth
    from staging.stg_servicetitan__payments as refund
    join came on of_payment.id = refund.refunded_payment_id::varchar
    where refund.is_active and of_payment.prefix || refund.payment_id || '-0' not in (select key from entered where key is not null)
),
unnamed as (
    select *, row_number() over (partition by customer_number, amount order by posting_date, payment_id::bigint) as nth
    from entered
    where key is null and posting_date >= (
        select min(came_on) from wanted where (customer_number, amount) = (entered.customer_number, entered.amount)
    )
)
select coalesce(entered.key, wanted.key) as key, entered.number, entered.posting_date, entered.amount
from entered
left join unnamed using (payment_id)
left join wanted on (wanted.customer_number, wanted.amount, wanted.nth) = (unnamed.customer_number, unnamed.amount, unnamed.nth);

create or replace temp view erp_payments as
select
    coalesce(reference, '') as key, number, posting_date,
    case when is_cancelled then 0 else amount end as amount,
    is_cancelled as is_reversed
from staging.stg_sap_business_one__payments
union all
select coalesce(key, ''), number, posting_date, -amount, false from erp_refunds;
