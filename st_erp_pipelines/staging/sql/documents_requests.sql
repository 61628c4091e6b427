-- Approved requests of ServiceTitan as orders, or as requisitions, of S/4HANA.

create or replace temp table request_sources as
with cost_centers as (  -- those of a business unit on a day
    select request.purchase_request_id, list(distinct mapped.cost_center order by mapped.cost_center) as cost_centers
    from staging.stg_servicetitan__purchase_requests as request
    join mapping.cost_centers as mapped
        on mapped.business_unit_id = request.business_unit_id
        and coalesce(mapped.valid_from <= request.request_date, true)
        and coalesce(mapped.valid_to >= request.request_date, true)
    group by all
),
plants as (
    select inventory_location_id, list(plant order by plant) as plants, any_value(storage_location) as storage_location
    from mapping.plants
    where plant <> '*'
    group by all
),
suppliers as (
    select vendor_id, list(supplier order by supplier) as suppliers
    from vendors_there
    where vendor_id is not null
    group by all
)
select
    request.*,
    coalesce(
        case when known.revision > 0 then known.business_key end, rules.key_prefix || 'R' || request.purchase_request_id
    ) as business_key,
    coalesce(given(request.number), request.purchase_request_id::varchar) as label,
    vendor.name as vendor_name, unit.name as business_unit_name,
    coalesce(warehouse.name, truck.name) as location_name,
    coalesce(suppliers.suppliers, []) as suppliers,
    coalesce(cost_centers.cost_centers, []) as cost_centers,
    coalesce(plants.plants, []) as plants, plants.storage_location,
    request.status = 'Approved' as is_approved,
    known.source_key is not null as is_known, known.state, known.is_final, known.is_flagged,
    known.source_hash as known_hash, coalesce(known.revision, 0) as revision,
    coalesce(known.replayed and not known.is_final, false) as is_replayed,
    rules.go_live, rules.requests, rules.local_currency, rules.tenant_id
from staging.stg_servicetitan__purchase_requests as request
cross join rules
left join suppliers on suppliers.vendor_id = request.vendor_id
left join cost_centers on cost_centers.purchase_request_id = request.purchase_request_id
left join plants on plants.inventory_location_id = request.inventory_location_id
left join staging.stg_servicetitan__vendors as vendor on vendor.vendor_id = request.vendor_id
left join staging.stg_servicetitan__business_units as unit on unit.business_unit_id = request.business_unit_id
left join staging.stg_servicetitan__warehouses as warehouse on warehouse.warehouse_id = request.inventory_location_id
left join staging.stg_servicetitan__trucks as truck on truck.truck_id = request.inventory_location_id
left join newest_known as known on known.kind = 'request' and known.source_key = request.source_key
where case
    when known.source_key is null then is_approved
    else is_built_again(is_final, known.state, is_flagged, known_hash, request.source_hash, is_approved)
end;

-- S/4HANA keeps whole cents: what costs fractions of one is priced for ten, a hundred, ...
create or replace temp table request_lines as
with materials as (
    select sku_id, list(material order by material) as materials, any_value(unit) as unit
    from mapping.materials
    where material <> '*'
    group by all
),
facts as (
    select
        item.purchase_request_id, item.position, item.quantity, item.vendor_part_number,
        coalesce(item.unit_cost, 0) as cost,
        coalesce(given(item.description), given(item.sku_name), given(item.sku_code), '') as text,
        case when len(materials.materials) = 1 then materials.materials[1] end as material,
        coalesce(given(materials.unit), getvariable('erp_settings').unit) as unit,
        [per for per in [1, 10, 100, 1000, 10000] if round(cost * per, 2) = cost * per][1] as found_quantity,
        coalesce(found_quantity, 10000) as price_quantity
    from staging.stg_servicetitan__purchase_request_items as item
    left join materials on materials.sku_id = item.sku_id
)
select *, round(cost * price_quantity, 2) as price from facts;

create or replace temp table request_reasons as
with no_supplier as (
    select purchase_request_id, 1 as rank, 'waits_for_supplier' as code,
        case when vendor_id is null then 'No vendor is named: give it one in ServiceTitan.'
        else 'Waits for vendor ' || named(vendor_name, vendor_id) || ', which no supplier of S/4HANA is linked to: the flow '
            || 'vendors links it once it is a supplier there.' end as text
    from request_sources
    where len(suppliers) = 0
),
several_suppliers as (
    select purchase_request_id, 2, 'several_suppliers',
        'Vendor ' || named(vendor_name, vendor_id) || ' is linked to suppliers ' || array_to_string(suppliers, ' and ')
        || ': let one of them be linked to another vendor.'
    from request_sources
    where len(suppliers) > 1
),
key_too_long as (
    select purchase_request_id, 3, 'key_too_long',
        'Its key ' || business_key || ' is longer than the 12 characters that an order of S/4HANA keeps of it: enter the order '
        || 'there by hand, or set rules.requests to requisition, which keeps 35.'
    from request_sources
    where requests = 'order' and length(business_key) > 12
),
no_purchasing_group as (
    select purchase_request_id, 4, 'no_purchasing_group',
        'S/4HANA takes no order without a purchasing group: set erp.purchasing_group.'
    from request_sources
    where coalesce(getvariable('erp_settings').purchasing_group, '') = ''
),
cost_center as (
    select purchase_request_id, 5, 'unmapped_business_unit',
        case
            when business_unit_id is null then 'No business unit is named: give it one in ServiceTitan.'
            when len(cost_centers) > 1 then 'Business unit ' || named(business_unit_name, business_unit_id) || ' has cost centers '
                || array_to_string(cost_centers, ' and ') || ' in cost_centers.csv on ' || request_date
                || ': leave it one, by valid_from and valid_to.'
            else 'Business unit ' || named(business_unit_name, business_unit_id) || ' has no cost center in cost_centers.csv '
                || 'that is valid on ' || request_date || ': add a row with it.'
        end
    from request_sources
    where len(cost_centers) <> 1
),
plant as (
    select purchase_request_id, 6, 'unmapped_location',
        case
            when inventory_location_id is null then 'No inventory location is named: give it one in ServiceTitan.'
            when len(plants) > 1 then 'Inventory location ' || named(location_name, inventory_location_id) || ' stands for plants '
                || array_to_string(plants, ' and ') || ' in plants.csv: leave it one.'
            else 'Inventory location ' || named(location_name, inventory_location_id) || ' has no plant in plants.csv: add it to '
                || 'the row of its plant.'
        end
    from request_sources
    where len(plants) <> 1
),
no_items as (
    select purchase_request_id, 7, 'no_items', 'It has no items: add them in ServiceTitan.'
    from request_sources
    where purchase_request_id not in (select purchase_request_id from request_lines)
),
no_quantity as (
    select purchase_request_id, 8, 'no_quantity',
        'Line ' || string_agg(position, ', ' order by position) || ' has no quantity: mend it in ServiceTitan.'
    from request_lines
    where coalesce(quantity, 0) <= 0
    group by all
),
fine_quantity as (
    select purchase_request_id, 9, 'fine_quantity',
        'Line ' || string_agg(position, ', ' order by position) || ' has a quantity of more than three decimals, which S/4HANA '
        || 'does not keep: round it in ServiceTitan.'
    from request_lines
    where quantity <> round(quantity, 3)
    group by all
),
no_material_group as (
    select purchase_request_id, 10, 'no_material_group',
        'Line ' || string_agg(position, ', ' order by position) || ' is no material of materials.csv, and a text needs a '
        || 'material group: set erp.material_group, or map its sku_id to one material.'
    from request_lines
    where material is null and coalesce(getvariable('erp_settings').material_group, '') = ''
    group by all
)
select purchase_request_id, list({'code': code, 'text': text} order by rank) as reasons
from (
    from no_supplier
    union all from several_suppliers
    union all from key_too_long
    union all from no_purchasing_group
    union all from cost_center
    union all from plant
    union all from no_items
    union all from no_quantity
    union all from fine_quantity
    union all from no_material_group
)
group by all;

with lines as (
    select
        line.purchase_request_id,
        sum(round(line.price / line.price_quantity * line.quantity, 2)) as total,
        list({
            'line': (line.position * 10)::varchar, 'text': cut(line.text, 40), 'material': line.material,
            'material_group': case when line.material is null then getvariable('erp_settings').material_group end,
            'plant': source.plants[1], 'storage_location': given(source.storage_location),
            'quantity': figure(line.quantity), 'unit': line.unit, 'price': money(line.price),
            'price_quantity': line.price_quantity::varchar,
            'tax_code': given(getvariable('erp_settings').tax_code),
            'delivery_date': coalesce(source.required_date, source.request_date)::varchar,
            'account_assignment_category': 'K', 'cost_center': source.cost_centers[1],
            'gl_account': given(getvariable('erp_settings').gl_account)
        } order by line.position) as items
    from request_lines as line
    join request_sources as source on source.purchase_request_id = line.purchase_request_id
    group by all
),
judged as (
    select
        source.*, lines.items, coalesce(lines.total, 0) as order_total, reasons.reasons,
        case
            when not is_approved then 'withdrawn'
            when request_date < go_live and not is_replayed then 'out_of_scope'
            when reasons.reasons is not null then 'blocked'
            else 'due'
        end as verdict
    from request_sources as source
    left join lines on lines.purchase_request_id = source.purchase_request_id
    left join request_reasons as reasons on reasons.purchase_request_id = source.purchase_request_id
)
select
    'requests' as flow,
    'request' as kind,
    source_key,
    business_key,
    home_day,
    request_date as business_date,
    order_total::decimal(18, 2) as amount,
    coalesce(local_currency, '') as currency,
    coalesce(suppliers[1], '') as party,
    source_hash,
    to_json({
        key: business_key, 'as': requests, supplier: suppliers[1],
        order_type: getvariable('erp_settings').order_type, company_code: getvariable('erp_settings').company_code,
        purchasing_organization: getvariable('erp_settings').purchasing_organization,
        purchasing_group: getvariable('erp_settings').purchasing_group,
        currency: local_currency, date: request_date, language: 'EN',
        items: coalesce(items, []), request_number: label, external_system: 'servicetitan/' || tenant_id
    }) as payload,
    label,
    0 as part,
    revision,
    verdict,
    to_json(case when verdict = 'blocked' then reasons else [] end) as reasons,
    false as adopt_only
from judged
order by purchase_request_id;
