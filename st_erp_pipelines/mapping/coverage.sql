-- What staging uses and no mapping covers. Resolves as staging/sql/documents_sales*.sql do: a line takes its
-- business unit from its document where it names none; its account from the row of its own number, else, unless
-- that row is at fault, from its business unit, else from the row `*`; lines without value count only where there
-- is nothing else.

with documents as (
    select
        'invoice' as type, invoice_id as id, business_unit_id, business_unit_name, tax_zone_id, term_name,
        sales_tax, abs(total) as amount
    from staging.stg_servicetitan__invoices
    where is_active is distinct from false and ($go_live::date is null or invoice_date >= $go_live)
    union all
    select
        'credit_memo', credit_memo_id, business_unit_id, business_unit_name, null, null,
        sales_tax, abs(total)
    from staging.stg_servicetitan__credit_memos
    where is_active is distinct from false and ($go_live::date is null or credit_memo_date >= $go_live)
),
items as (
    select
        'invoice' as type, invoice_id as id, gl_account_number, business_unit_id, business_unit_name,
        is_taxable, total
    from staging.stg_servicetitan__invoice_items
    union all
    select
        'credit_memo', credit_memo_id, gl_account_number, business_unit_id, business_unit_name,
        is_taxable, total
    from staging.stg_servicetitan__credit_memo_items
    where is_active is distinct from false
),
lines as (
    select
        type, id, amount, gl_account_number, is_taxable,
        coalesce(items.business_unit_id, documents.business_unit_id) as business_unit_id,
        coalesce(items.business_unit_name, documents.business_unit_name) as business_unit_name
    from items
    join documents using (type, id)
    qualify items.total <> 0 or bool_and(items.total = 0) over (partition by type, id)
),
units as (
    select *, bool_or(is_mapped) over (partition by type, id) as is_another_mapped
    from (
        select
            used.*,
            mapped.business_unit_id is not null as is_mapped,
            max(used.business_unit_name) over (partition by used.business_unit_id) as name
        from (
            select type, id, amount, business_unit_id, business_unit_name from documents
            union
            select type, id, amount, business_unit_id, business_unit_name from lines
        ) as used
        left join mapping.business_units as mapped on mapped.business_unit_id = used.business_unit_id
    )
),
gaps as (
    select
        'unmapped_business_unit' as kind, type, id, amount,
        coalesce(name || ' (' || business_unit_id || ')', business_unit_id::varchar, '(none)') as value
    from units
    where not is_mapped and (business_unit_id is not null or not is_another_mapped)
    union all
    select
        'unmapped_account', type, id, amount,
        coalesce(nullif(lines.gl_account_number, ''), '(none)') || ' in '
        || coalesce(lines.business_unit_name, lines.business_unit_id::varchar, '(none)')
    from lines
    left join mapping.accounts as own on own.gl_account_number = lines.gl_account_number
    left join mapping.accounts as any_account on any_account.gl_account_number = '*'
    left join mapping.business_units as unit on unit.business_unit_id = lines.business_unit_id
    where
        coalesce(own.target_number, unit.account, any_account.target_number) is null
        -- The accountants meant an account of its own for it: the unit's would be a guess.
        or (lines.gl_account_number <> '' and exists (
            from mapping.faults
            where file = 'accounts.csv' and (key = lines.gl_account_number or key is null)
        ))
    union all
    select
        'unmapped_tax_zone', type, id, amount,
        coalesce(staged.name || ' (' || documents.tax_zone_id || ')', documents.tax_zone_id::varchar, '(none)')
    from documents
    left join mapping.tax_zones as own on own.tax_zone_id = documents.tax_zone_id
    left join mapping.tax_zones as any_zone on any_zone.tax_zone_id is null  -- the row for *
    left join staging.stg_servicetitan__tax_zones as staged on staged.tax_zone_id = documents.tax_zone_id
    where case $tax
        when 'erp_computes' then
            coalesce(own.tax_code, any_zone.tax_code) is null
            and (type, id) in (select (type, id) from lines where is_taxable)
        else sales_tax <> 0 and coalesce(own.liability_account, any_zone.liability_account) is null
    end
    union all
    select
        'unmapped_payment_type', 'payment', payment_id, abs(total), coalesce(payment_type_name, '(none)')
    from staging.stg_servicetitan__payments as payment
    anti join mapping.payment_types as mapped
        on lower(mapped.payment_type_name) = lower(trim(payment.payment_type_name))
    where
        is_active is distinct from false
        and ($go_live::date is null or payment_date >= $go_live)
        and not exists (from mapping.payment_types where payment_type_name = '*')
    union all
    select 'unmapped_payment_terms', type, id, 0, term_name
    from documents
    anti join mapping.payment_terms using (term_name)
    where term_name <> ''
)
select kind, value, count(*) as documents, sum(amount)::decimal(38, 4) as amount
from (select distinct kind, value, type, id, amount from gaps)
group by kind, value
order by amount desc, kind, value
