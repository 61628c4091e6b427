-- The company's books under the names that every ERP has, for whatever reads them. Temporary: nothing is published twice.

create or replace temp view erp_setup as
select allow_posting_from as opens, allow_posting_to as closes, local_currency_code as local_currency
from staging.stg_business_central__general_ledger_setup;

create or replace temp view erp_customers as
select
    customer.customer_id as remote_id, customer.number, customer.display_name, customer.address_line1,
    customer.address_line2, customer.city, customer.state, customer.country, customer.postal_code, customer.phone_number,
    customer.email, term.code as payment_terms_code, customer.source_key, customer.extracted_at
from staging.stg_business_central__customers as customer
left join staging.stg_business_central__payment_terms as term on term.id = customer.payment_terms_id;

-- Those that a line may name.
create or replace temp view erp_accounts as
select number, display_name
from staging.stg_business_central__accounts
where account_type = 'Posting' and is_direct_posting and not is_blocked;

create or replace temp view erp_dimensions as
select code, display_name from staging.stg_business_central__dimensions;

create or replace temp view erp_dimension_values as
select dimension_code, code, display_name from staging.stg_business_central__dimension_values;

-- Projects that a line may name beside its dimension: here they are dimensions.
create or replace temp view erp_projects as
select '' as code, '' as display_name where false;

create or replace temp view erp_payment_terms as
select code, display_name from staging.stg_business_central__payment_terms;

create or replace temp view erp_tax_codes as
select code, display_name from staging.stg_business_central__tax_groups;

-- How money may come, where payment_types.csv says that in its column batches: here it names journals.
create or replace temp view erp_means as
select '' as code, '' as display_name where false;

create or replace temp view erp_items as
select
    source_key, number, display_name, is_blocked, unit_of_measure_code, unit_price, is_price_with_tax, unit_cost,
    item_category_code, modified_at, extracted_at
from staging.stg_business_central__items;

-- `type` is invoice or credit_memo: ids are unique within one. `reference` carries our key. `is_standing`: posted, and
-- neither cancelled nor cancelling. `is_untouched`: nothing was applied to it.
create or replace temp view erp_sales as
with documents as (
    select 'invoice' as type, * from staging.stg_business_central__sales_invoices
    union all by name
    select 'credit_memo' as type, * from staging.stg_business_central__sales_credit_memos
)
select
    type, document_id, number, external_document_number as reference, document_date, posting_date, customer_number,
    total_including_tax as total, remaining_amount, is_posted,
    is_posted and status not in ('Canceled', 'Corrective') as is_standing,
    is_posted and status = 'Open' and abs(remaining_amount) = total_including_tax as is_untouched
from documents;

-- `sequence` is ours, see documents_sales_lines.sql; what is at 9990000 or behind it is tax.
create or replace temp view erp_sales_lines as
with lines as (
    select 'invoice' as type, * from staging.stg_business_central__sales_invoice_lines
    union all by name
    select 'credit_memo' as type, * from staging.stg_business_central__sales_credit_memo_lines
)
select
    type, document_id, sequence,
    case when sequence >= 9990000 then 0 else amount_excluding_tax end as net,
    amount_including_tax - case when sequence >= 9990000 then 0 else amount_excluding_tax end as tax
from lines;

-- How people enter a refund, so that it is known again.
create or replace temp macro refund_entered(key) as 'under the number ' || key;

-- By the number that posted payments have, which is our key. `amount` is null for what is no payment, negative for a refund.
-- A reversal has the number of what it reverses and opposite amounts (AL: codeunit 17 copies each entry, and turns
-- the sign of its amount, debit and credit), so that nothing is left on any account.
create or replace temp view erp_payments as
with accounts as (
    select
        document_number,
        sum(debit_amount - credit_amount) as balance,
        min(posting_date) filter (document_type in ('Payment', 'Refund')) as posting_date,
        sum(case document_type when 'Payment' then credit_amount when 'Refund' then -credit_amount end) as amount
    from staging.stg_business_central__general_ledger_entries
    group by document_number, account_number
)
select
    document_number as key,
    document_number as number,
    min(posting_date) as posting_date,
    sum(amount) as amount,
    bool_and(balance = 0) as is_reversed
from accounts
group by document_number;
