-- The lines as they are sent: lines without value are left out unless there is nothing else, signs go to the
-- quantity, and where quantity times price is not the line's total, one piece at the total is sent.

create or replace temp table sales_lines as
with kept as (
    select
        items.* exclude (business_unit_id, business_unit_name),
        coalesce(items.business_unit_id, sales.business_unit_id) as business_unit_id,
        case when items.business_unit_id is null then sales.business_unit_name else items.business_unit_name end
            as business_unit_name,
        sales.direction, sales.tax, sales.zone_tax_code, sales.non_taxable_code
    from sales_items as items
    join sales on sales.kind = items.kind and sales.id = items.id
    qualify items.total <> 0 or bool_and(items.total = 0) over (partition by items.kind, items.id)
),
priced as (
    select
        *,
        coalesce(
            quantity <> 0
            and quantity = round(quantity, 5)
            and price = round(price, 5)
            and try(round(quantity::decimal(28, 5) * price::decimal(28, 5), 2)) = total,
            false
        ) as is_sent_by_piece,
        -- The accountants meant an account of its own for it: the unit's would be a guess.
        case when given(gl_account_number) is not null then nullif(fault_of('accounts.csv', gl_account_number), '') end
            as account_fault
    from kept
)
select
    line.kind,
    line.id,
    line.position,
    line.business_unit_id,
    line.business_unit_name,
    line.gl_account_number,
    line.gl_account_name,
    line.position * 10000 as sequence,
    case
        when own.gl_account_number is not null then own.target_type
        when given(unit.account) is not null then 'account'
        else any_account.target_type
    end as target_type,
    line.account_fault,
    case when line.account_fault is null
        then coalesce(own.target_number, given(unit.account), any_account.target_number) end as target_number,
    cut(
        regexp_replace(trim(coalesce(given(line.description), given(line.sku_name), line.type, 'Line')), '\s+', ' ', 'g'),
        100
    ) as description,
    case when is_sent_by_piece then abs(quantity) else 1 end
        * case sign(line.total) when 0 then coalesce(nullif(sign(quantity), 0), 1) else sign(line.total) end
        * line.direction as quantity,
    case when is_sent_by_piece then abs(price) else abs(line.total) end as unit_price,
    line.total * line.direction as amount,
    case
        when line.tax = 'erp_computes' and line.is_taxable then coalesce(line.zone_tax_code, '')
        else line.non_taxable_code
    end as tax_code,
    line.tax = 'erp_computes' and line.is_taxable and line.zone_tax_code is null as lacks_tax_code,
    unit.business_unit_id is not null as is_unit_mapped,
    coalesce(unit.dimension_code, '') as dimension_code,
    coalesce(unit.dimension_value, '') as dimension_value,
    coalesce(unit.project, '') as project_code
from priced as line
left join mapping.accounts as own on own.gl_account_number = line.gl_account_number
left join mapping.accounts as any_account on any_account.gl_account_number = '*'
left join mapping.business_units as unit on unit.business_unit_id = line.business_unit_id;
