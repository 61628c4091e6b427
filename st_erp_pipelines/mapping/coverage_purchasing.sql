-- What orders and invoices of the ERP use and no row maps, and what is wrong with cost_centers.csv from either side on the
-- day asked about, now: an open end is 9999-12-31, as in the ERP. It is run where no macros are.
with today as (
    select coalesce($on::date, current_date) as day, $go_live::date as go_live
),
order_lines as (
    select
        'order ' || the_order.purchase_order as document, the_order.order_date as day, the_order.order_type, item.item,
        item.purchase_order, item.plant, item.material,
        coalesce(item.quantity * item.net_price_amount / nullif(item.net_price_quantity, 0), 0) as amount
    from staging.stg_sap_s4hana__purchase_orders as the_order
    join staging.stg_sap_s4hana__purchase_order_items as item on item.purchase_order = the_order.purchase_order
    left join mapping.order_types as own_type on own_type.order_type = the_order.order_type
    left join mapping.order_types as any_type on any_type.order_type = '*'
    left join mapping.plants as own_plant on own_plant.plant = item.plant
    left join mapping.plants as any_plant on any_plant.plant = '*'
    cross join today
    where
        the_order.company_code = $company_code and (go_live is null or the_order.order_date >= go_live)
        and the_order.deletion_code is distinct from 'L' and item.deletion_code is distinct from 'L'
        and not (item.is_completely_delivered and item.is_finally_invoiced)
        -- As documents_purchases_left_out.sql says it: where a row says skip, it has no id.
        and coalesce(the_order.purchasing_organization = $purchasing_organization, true)
        and (coalesce(own_type.order_type, any_type.order_type) is null
            or if(own_type.order_type is null, any_type.type_id, own_type.type_id) is not null)
        and (coalesce(own_plant.plant, any_plant.plant) is null
            or if(own_plant.plant is null, any_plant.inventory_location_id, own_plant.inventory_location_id) is not null)
),
invoices as (
    select supplier_invoice, fiscal_year, posting_date, 'invoice ' || supplier_invoice || '/' || fiscal_year as document
    from staging.stg_sap_s4hana__supplier_invoices
    cross join today
    where company_code = $company_code and status = '5' and (go_live is null or posting_date >= go_live)
),
used_cost_centers as (
    select line.document, line.day, assignment.cost_center, coalesce(assignment.net_amount, line.amount) as amount
    from order_lines as line
    join staging.stg_sap_s4hana__purchase_order_account_assignments as assignment
        on assignment.purchase_order = line.purchase_order and assignment.item = line.item
    where not assignment.is_deleted
    union all
    select invoices.document, invoices.posting_date, assignment.cost_center, assignment.amount
    from invoices
    join staging.stg_sap_s4hana__supplier_invoice_account_assignments as assignment
        on assignment.supplier_invoice = invoices.supplier_invoice and assignment.fiscal_year = invoices.fiscal_year
    union all
    select invoices.document, invoices.posting_date, line.cost_center, line.net_amount
    from invoices
    join staging.stg_sap_s4hana__supplier_invoice_accounts as line
        on line.supplier_invoice = invoices.supplier_invoice and line.fiscal_year = invoices.fiscal_year
),
mapped as (
    select
        row_number() over () as id, cost_center, business_unit_id,
        coalesce(valid_from, date '0001-01-01') as starts, coalesce(valid_to, date '9999-12-31') as ends
    from mapping.cost_centers
),
mapped_today as (
    select mapped.* from mapped cross join today where day between starts and ends
),
cost_centers as (
    select * from staging.stg_sap_s4hana__cost_centers where controlling_area = $controlling_area
),
overlapping as (
    select one.cost_center, one.business_unit_id, other.cost_center as other_center, other.business_unit_id as other_unit
    from mapped as one
    join mapped as other on other.id > one.id and other.starts <= one.ends and one.starts <= other.ends
    cross join today
    where least(one.ends, other.ends) >= day
),
units as (
    select business_unit_id, coalesce(name || ' (' || business_unit_id || ')', business_unit_id::varchar) as called, is_active
    from staging.stg_servicetitan__business_units
),
gaps as (
    select 'no_cost_center' as kind, called as value, null as document, 0 as amount
    from units
    where is_active is distinct from false and business_unit_id not in (select business_unit_id from mapped_today)
    union all
    select 'unmapped_cost_center', used.cost_center, document, amount
    from used_cost_centers as used
    where cost_center is not null and not exists (
        from mapped where mapped.cost_center = used.cost_center and used.day between mapped.starts and mapped.ends
    )
    union all
    select 'unknown_cost_center', cost_center, null, 0
    from mapped_today
    where cost_center not in (select cost_center from cost_centers) and exists (from cost_centers)
    union all
    select 'invalid_cost_center', cost_center, null, 0
    from mapped_today
    cross join today
    where cost_center in (select cost_center from cost_centers) and not exists (
        from cost_centers as there
        where there.cost_center = mapped_today.cost_center and day between there.valid_from_date and there.valid_to_date
    )
    union all
    select 'blocked_cost_center', there.cost_center, null, 0
    from cost_centers as there
    cross join today
    where
        (there.is_blocked or there.is_blocked_for_commitments) and day between there.valid_from_date and there.valid_to_date
        and there.cost_center in (select cost_center from mapped_today)
    union all
    select
        'several_cost_centers', coalesce(called, overlapping.business_unit_id::varchar) || ': ' || cost_center || ' and ' || other_center,
        null, 0
    from overlapping
    left join units on units.business_unit_id = overlapping.business_unit_id
    where overlapping.business_unit_id = other_unit
    union all
    select
        'several_business_units', cost_center || ': ' || overlapping.business_unit_id || ' and ' || other_unit, null, 0
    from overlapping
    where cost_center = other_center and overlapping.business_unit_id <> other_unit
    union all
    select 'unmapped_order_type', coalesce(order_type, '(none)'), document, amount
    from order_lines
    where order_type not in (select order_type from mapping.order_types)
        and not exists (from mapping.order_types where order_type = '*')
    union all
    select 'unmapped_plant', plant, document, amount
    from order_lines
    where plant not in (select plant from mapping.plants) and not exists (from mapping.plants where plant = '*')
    union all
    select 'unmapped_material', coalesce(material, '(a text)'), document, amount
    from order_lines
    where
        (material is null or material not in (select material from mapping.materials))
        and not exists (from mapping.materials where material = '*')
)
select kind, value, count(distinct document) as documents, sum(amount)::decimal(38, 4) as amount
from gaps
group by kind, value
order by amount desc, kind, value
