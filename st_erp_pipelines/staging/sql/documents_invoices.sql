-- The documents of the flow invoices. The tax line's sequence is the contract's, or the next after the lines.

with tax_lines as (
    select
        kind, id,
        greatest(9990000, (select coalesce(max(line.position), 0) + 1 from sales_lines as line
            where line.kind = sales.kind and line.id = sales.id) * 10000) as sequence,
        'account' as target_type,
        liability_account as target_number,
        cut('Sales tax' || coalesce(' ' || tax_zone_name, ''), 100) as description,
        sign(sales_tax) * direction as quantity,
        abs(sales_tax) as unit_price,
        sales_tax * direction as amount,
        non_taxable_code as tax_code,
        coalesce(dimension_code, '') as dimension_code,
        coalesce(dimension_value, '') as dimension_value,
        coalesce(project, '') as project_code
    from sales
    where tax = 'liability_line' and sales_tax <> 0
),
all_lines as (
    select
        kind, id, sequence, target_type, target_number, description, quantity, unit_price, amount, tax_code,
        dimension_code, dimension_value, project_code
    from sales_lines
    union all by name
    from tax_lines
),
lines as (
    select kind, id,
        list({
            sequence: sequence, type: coalesce(target_type, 'account'), number: coalesce(target_number, ''),
            description: description, quantity: figure(quantity), unit_price: figure(unit_price), amount: money(amount),
            tax_code: tax_code, dimension_code: dimension_code, dimension_value: dimension_value,
            project_code: project_code
        } order by sequence) as lines
    from all_lines
    group by kind, id
),
judged as (
    select
        sales.*,
        lines.lines,
        reasons.reasons,
        case
            when document_date < go_live and not is_replayed then 'out_of_scope'
            when not is_active then 'withdrawn'
            when total = 0 and not is_replayed and (zero_totals = 'skip' or not has_items) then 'skipped'
            when reasons.reasons is not null and not adopt_only then 'blocked'
            else 'due'
        end as verdict
    from sales
    left join lines on lines.kind = sales.kind and lines.id = sales.id
    left join sales_reasons as reasons on reasons.kind = sales.kind and reasons.id = sales.id
)
select
    'invoices' as flow,
    kind,
    source_key,
    business_key,
    coalesce(home_day, start_date) as home_day,
    coalesce(document_date, home_day, start_date) as business_date,
    coalesce(amount, 0)::decimal(18, 2) as amount,
    currency,
    coalesce(party, '') as party,
    source_hash,
    to_json({
        type: type, key: business_key, customer_number: coalesce(party, ''), document_date: document_date::varchar,
        posting_date: posting_date::varchar, due_date: due_date::varchar,
        reference: case type when 'invoice' then left(coalesce(reference_number, ''), 35) else '' end,
        currency: currency, dimension_code: coalesce(dimension_code, ''), dimension_value: coalesce(dimension_value, ''),
        lines: coalesce(lines, []), total: money(total * direction), tax: tax
    }) as payload,
    label,
    0 as part,
    revision,
    verdict,
    to_json(case when verdict = 'blocked' then reasons else [] end) as reasons,
    adopt_only,
    reversible
from judged
order by business_date, kind, id;
