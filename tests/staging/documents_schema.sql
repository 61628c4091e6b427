-- Staging and mapping as the contract has them, reduced to what a build reads.
create schema staging;
create schema mapping;

create table staging.stg_servicetitan__invoices (
    invoice_id BIGINT, reference_number VARCHAR, sync_status VARCHAR, invoice_date DATE, due_date DATE, sales_tax
    DECIMAL(18, 4), total DECIMAL(18, 4), tax_zone_id BIGINT, customer_id BIGINT, customer_name VARCHAR,
    business_unit_id BIGINT, business_unit_name VARCHAR, is_active BOOLEAN, has_null_items BOOLEAN, source_key
    VARCHAR, source_hash VARCHAR, home_day DATE, first_sync_status VARCHAR, modified_at TIMESTAMPTZ, extracted_at
    TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__invoice_items (
    invoice_id BIGINT, item_id BIGINT, position INT, type VARCHAR, sku_name VARCHAR, description VARCHAR, quantity
    DECIMAL(28, 7), price DECIMAL(28, 7), total DECIMAL(18, 4), is_taxable BOOLEAN, gl_account_number VARCHAR,
    gl_account_name VARCHAR, business_unit_id BIGINT, business_unit_name VARCHAR, source_key VARCHAR, source_hash
    VARCHAR, home_day DATE, first_sync_status VARCHAR, modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at
    TIMESTAMPTZ
);

create table staging.stg_servicetitan__credit_memos (
    credit_memo_id BIGINT, reference_number VARCHAR, sync_status VARCHAR, credit_memo_date DATE, sales_tax
    DECIMAL(18, 4), total DECIMAL(18, 4), customer_id BIGINT, customer_name VARCHAR, business_unit_id BIGINT,
    business_unit_name VARCHAR, is_active BOOLEAN, source_key VARCHAR, source_hash VARCHAR, home_day DATE,
    first_sync_status VARCHAR, modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__credit_memo_items (
    item_id BIGINT, credit_memo_id BIGINT, position INT, type VARCHAR, sku_name VARCHAR, description VARCHAR,
    quantity DECIMAL(28, 7), price DECIMAL(28, 7), total DECIMAL(18, 4), is_taxable BOOLEAN, gl_account_number
    VARCHAR, gl_account_name VARCHAR, business_unit_id BIGINT, business_unit_name VARCHAR, is_active BOOLEAN,
    source_key VARCHAR, source_hash VARCHAR, home_day DATE, first_sync_status VARCHAR, modified_at TIMESTAMPTZ,
    extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__payments (
    payment_id BIGINT, sync_status VARCHAR, reference_number VARCHAR, payment_date DATE, payment_type_id BIGINT,
    payment_type_name VARCHAR, total DECIMAL(18, 4), unapplied_amount DECIMAL(18, 4), memo VARCHAR, check_number
    VARCHAR, customer_id BIGINT, customer_name VARCHAR, business_unit_id BIGINT, business_unit_name VARCHAR,
    refunded_payment_id BIGINT, is_active BOOLEAN, source_key VARCHAR, source_hash VARCHAR, home_day DATE,
    first_sync_status VARCHAR, modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__payment_applications (
    payment_id BIGINT, applied_id BIGINT, invoice_id BIGINT, amount DECIMAL(18, 4), applied_at TIMESTAMPTZ,
    source_key VARCHAR, source_hash VARCHAR, home_day DATE, first_sync_status VARCHAR, modified_at TIMESTAMPTZ,
    extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__customers (
    customer_id BIGINT, name VARCHAR, type VARCHAR, street VARCHAR, unit VARCHAR, city VARCHAR, state VARCHAR, zip
    VARCHAR, country VARCHAR, payment_term_id BIGINT, merged_to_id BIGINT, is_active BOOLEAN, is_forgotten BOOLEAN,
    source_key VARCHAR, source_hash VARCHAR, home_day DATE, first_sync_status VARCHAR, modified_at TIMESTAMPTZ, extracted_at
    TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__customer_contacts (
    contact_id BIGINT, customer_id BIGINT, type VARCHAR, value VARCHAR, is_forgotten BOOLEAN, source_key VARCHAR,
    source_hash VARCHAR, home_day DATE, first_sync_status VARCHAR, modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at
    TIMESTAMPTZ
);

create table staging.stg_servicetitan__business_units (
    business_unit_id BIGINT, name VARCHAR, currency VARCHAR, source_key VARCHAR, source_hash VARCHAR, home_day DATE,
    first_sync_status VARCHAR, modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__payment_terms (
    payment_term_id BIGINT, name VARCHAR, source_key VARCHAR, source_hash VARCHAR, home_day DATE, first_sync_status
    VARCHAR, modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__tax_zones (
    tax_zone_id BIGINT, name VARCHAR, rate DECIMAL(18, 7), source_key VARCHAR, source_hash VARCHAR, home_day DATE,
    first_sync_status VARCHAR, modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_business_central__general_ledger_setup (
    setup_id VARCHAR, allow_posting_from DATE, allow_posting_to DATE, local_currency_code VARCHAR, source_key
    VARCHAR, source_hash VARCHAR, home_day DATE, first_sync_status VARCHAR, modified_at TIMESTAMPTZ, extracted_at
    TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_business_central__customers (
    customer_id VARCHAR, number VARCHAR, display_name VARCHAR, address_line1 VARCHAR, address_line2 VARCHAR, city
    VARCHAR, state VARCHAR, country VARCHAR, postal_code VARCHAR, phone_number VARCHAR, email VARCHAR, payment_terms_id
    VARCHAR, source_key VARCHAR, source_hash VARCHAR, home_day DATE, first_sync_status VARCHAR,
    modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_business_central__sales_invoices (
    document_id VARCHAR, number VARCHAR, external_document_number VARCHAR, document_date DATE, posting_date DATE,
    customer_number VARCHAR, total_including_tax DECIMAL(18, 4), remaining_amount DECIMAL(18, 4), status VARCHAR,
    is_posted BOOLEAN, source_key VARCHAR, source_hash VARCHAR, home_day DATE, first_sync_status VARCHAR,
    modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_business_central__sales_credit_memos (
    document_id VARCHAR, number VARCHAR, external_document_number VARCHAR, document_date DATE, posting_date DATE,
    customer_number VARCHAR, total_including_tax DECIMAL(18, 4), remaining_amount DECIMAL(18, 4), status VARCHAR,
    is_posted BOOLEAN, source_key VARCHAR, source_hash VARCHAR, home_day DATE, first_sync_status VARCHAR,
    modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_business_central__general_ledger_entries (
    entry_id VARCHAR, posting_date DATE, document_number VARCHAR, document_type VARCHAR, account_number VARCHAR, debit_amount
    DECIMAL(18, 4), credit_amount DECIMAL(18, 4)
);

create table staging.stg_business_central__sales_invoice_lines (
    document_id VARCHAR, sequence INTEGER, amount_excluding_tax DECIMAL(18, 4), amount_including_tax DECIMAL(18, 4)
);

create table staging.stg_business_central__sales_credit_memo_lines (
    document_id VARCHAR, sequence INTEGER, amount_excluding_tax DECIMAL(18, 4), amount_including_tax DECIMAL(18, 4)
);

create table staging.stg_business_central__accounts (
    number VARCHAR, display_name VARCHAR, account_type VARCHAR, is_direct_posting BOOLEAN, is_blocked BOOLEAN
);

create table staging.stg_business_central__dimensions (code VARCHAR, display_name VARCHAR);

create table staging.stg_business_central__dimension_values (dimension_code VARCHAR, code VARCHAR, display_name VARCHAR);

create table staging.stg_business_central__payment_terms (id VARCHAR, code VARCHAR, display_name VARCHAR);

create table staging.stg_business_central__tax_groups (code VARCHAR, display_name VARCHAR);

create table staging.stg_business_central__items (
    item_id VARCHAR, number VARCHAR, display_name VARCHAR, type VARCHAR, is_blocked BOOLEAN, unit_of_measure_code VARCHAR,
    unit_price DECIMAL(28, 7), is_price_with_tax BOOLEAN, unit_cost DECIMAL(28, 7), item_category_code VARCHAR,
    source_key VARCHAR, source_hash VARCHAR, modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ, loaded_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__materials (
    material_id BIGINT, code VARCHAR, display_name VARCHAR, price DECIMAL(28, 7), unit_cost DECIMAL(28, 7), is_active
    BOOLEAN, external_data STRUCT("key" VARCHAR, "value" VARCHAR)[], modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__services (
    service_id BIGINT, code VARCHAR, display_name VARCHAR, price DECIMAL(28, 7), unit_cost DECIMAL(28, 7), is_active
    BOOLEAN, external_data STRUCT("key" VARCHAR, "value" VARCHAR)[], modified_at TIMESTAMPTZ, extracted_at TIMESTAMPTZ
);

create table staging.stg_servicetitan__equipment (
    equipment_id BIGINT, code VARCHAR, display_name VARCHAR, is_active BOOLEAN, external_data
    STRUCT("key" VARCHAR, "value" VARCHAR)[]
);

create table mapping.items (
    item_number VARCHAR, item_category VARCHAR, becomes VARCHAR, category_id BIGINT, vendor_id BIGINT, account VARCHAR
);

create table mapping.business_units (
    business_unit_id BIGINT, business_unit_name VARCHAR, dimension_code VARCHAR, dimension_value VARCHAR, account
    VARCHAR, project VARCHAR
);

create table mapping.accounts (
    gl_account_number VARCHAR, target_type VARCHAR, target_number VARCHAR
);

create table mapping.payment_types (
    payment_type_name VARCHAR, balancing_account VARCHAR, batches VARCHAR
);

create table mapping.tax_zones (
    tax_zone_id BIGINT, tax_zone_name VARCHAR, liability_account VARCHAR, tax_code VARCHAR
);

create table mapping.payment_terms (
    term_name VARCHAR, erp_code VARCHAR
);

create table mapping.customers (
    customer_id BIGINT, erp_number VARCHAR
);

create table mapping.faults (
    file VARCHAR, row INT, column_name VARCHAR, key VARCHAR, message VARCHAR
);

create view staging.customers_followed as
with recursive chain as (
    select customer_id, customer_id as final_customer_id, merged_to_id from staging.stg_servicetitan__customers
    union
    select chain.customer_id, next.customer_id, next.merged_to_id
    from chain join staging.stg_servicetitan__customers as next on next.customer_id = chain.merged_to_id
)
select customer_id, final_customer_id from chain where merged_to_id is null;

create table staging.quarantine (
    system varchar, entity varchar, key varchar, reason varchar, payload varchar,
    modified_at timestamptz, extracted_at timestamptz, loaded_at timestamptz
);
