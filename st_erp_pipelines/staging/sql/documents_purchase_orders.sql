-- Orders and requisitions as orders of ServiceTitan: what the mapping tables make of their lines and of their heads.

create or replace temp macro exact(x) as rtrim(rtrim(cast(x as decimal(28, 7))::varchar, '0'), '.');

create or replace temp table skus as
select 'material' as list, material_id as sku_id, is_active from staging.stg_servicetitan__materials
union all
select 'equipment', equipment_id, is_active from staging.stg_servicetitan__equipment
union all
select 'service', service_id, is_active from staging.stg_servicetitan__services;

-- Trucks and warehouses are the places that orders are delivered to; a truck has the address of its warehouse.
create or replace temp table inventory_locations as
with places as (
    select warehouse_id as location_id, warehouse_id, name, is_active from staging.stg_servicetitan__warehouses
    union all
    select truck_id, warehouse_id, name, is_active from staging.stg_servicetitan__trucks
)
select places.location_id, places.name, places.is_active, {
    'description': coalesce(places.name, ''), 'street': coalesce(street, ''), 'unit': coalesce(unit, ''),
    'city': coalesce(city, ''), 'state': coalesce(state, ''), 'zip': coalesce(zip, ''), 'country': coalesce(country, '')
} as ship_to
from places
left join staging.stg_servicetitan__warehouses as warehouse on warehouse.warehouse_id = places.warehouse_id;

create or replace temp table purchase_lines_mapped as
select
    line.* exclude (description),
    line.line || ' ' || coalesce(given(line.description), line.material, '') as description,
    coalesce(own.sku_id, anything.sku_id) as sku_id,
    skus.list as sku_list, skus.is_active as is_sku_active,
    given(if(own.material is null, anything.unit, own.unit)) as mapped_unit,
    if(own_plant.plant is null, any_plant.inventory_location_id, own_plant.inventory_location_id) as inventory_location_id,
    if(own_plant.plant is null, any_plant.business_unit_id, own_plant.business_unit_id) as business_unit_id,
    left_out.why as left_out,
    coalesce(own_plant.plant, any_plant.plant) is not null as is_plant_mapped
from purchase_lines as line
left join mapping.materials as own on own.material = line.material and own.material <> '*'
left join mapping.materials as anything on anything.material = '*'
left join skus on skus.sku_id = coalesce(own.sku_id, anything.sku_id)
left join mapping.plants as own_plant on own_plant.plant = line.plant and own_plant.plant <> '*'
left join mapping.plants as any_plant on any_plant.plant = '*'
left join purchase_items_left_out as left_out
    on left_out.kind = line.kind and left_out.source_key = line.source_key and left_out.line = line.line;

create or replace temp table purchases as
with lines as (
    select
        kind, source_key, part,
        sum(round(quantity * cost, 2)) as total,
        min(delivery_date) as required_on,
        arg_min(ship_to, line) as ship_to, count(distinct ship_to) as addresses,
        list(distinct inventory_location_id order by inventory_location_id)
            filter (where inventory_location_id is not null) as location_ids,
        arg_min(business_unit_id, line) as plant_unit_id,
        case when bool_and(left_out is not null) then arg_min(left_out, line) end as left_out,
        list({
            'line': line, 'material': material, 'plant': plant, 'text': description, 'part': vendor_part_number,
            'quantity': quantity, 'cost': cost, 'ship_to': ship_to, 'wanted': delivery_date,
            'is_blocked': is_blocked, 'is_return': is_return, 'units': [unit, price_unit]
        } order by line) as said
    from purchase_lines_mapped
    group by all
),
-- Of several cost centers the one with the largest amount.
cost_centers as (
    select kind, source_key, part, cost_center
    from purchase_accounts
    where cost_center is not null
    group by kind, source_key, part, cost_center
    qualify row_number() over (partition by kind, source_key, part order by sum(amount) desc, cost_center) = 1
),
heads as (
    select
        source.* exclude (reference, is_blocked), coalesce(source.is_blocked, false) as is_blocked,
        case
            when getvariable('erp_settings').job_field = 'CorrespncInternalReference' then source.reference
            else account.reference
        end as job_number
    from purchase_sources as source
    left join (
        select kind, source_key, part, arg_min(reference, (line, assignment)) as reference from purchase_accounts group by all
    ) as account
        on account.kind = source.kind and account.source_key = source.source_key and account.part = source.part
),
taken as (
    select
        order_key,
        count(*) filter (where is_delivered) as delivered,
        bool_or(is_under_way) as is_under_way,
        string_agg(business_key, ' and ' order by business_key) as keys,
        any_value(purchase_order_id) as purchase_order_id,
        string_agg(purchase_order_id, ' and ' order by purchase_order_id) as ids
    from (select distinct on (order_key, source_key, part) * from requisitions_taken)
    group by order_key
)
select
    source.*,
    lines.* exclude (kind, source_key, part, required_on, ship_to, said),
    lines.source_key is not null as has_lines,
    coalesce(lines.required_on, source.date) as required_on,
    coalesce(lines.ship_to, location.ship_to) as ship_to,
    location.name as location_name, location.is_active as is_location_active,
    vendor.vendor_id, vendor.name as vendor_name, coalesce(vendor.is_there, false) as is_vendor_there,
    if(own_type.order_type is null, any_type.type_id, own_type.type_id) as type_id,
    cost_centers.cost_center,
    case when cost_centers.cost_center is null then lines.plant_unit_id else unit_of.business_unit_id end as business_unit_id,
    lines.location_ids[1] as inventory_location_id,
    job.job_id,
    taken.delivered, taken.keys as taken_keys, taken.ids as taken_ids,
    coalesce(taken.is_under_way, false) as waits_for_requisition,
    case when taken.delivered = 1 then taken.purchase_order_id end as taken_order_id,
    known.state as known_state, known.revision as known_revision, known.source_hash as known_hash,
    known.is_final as is_known_final, known.is_fixed as is_known_fixed, known.is_flagged as is_known_flagged,
    coalesce(known.replayed and not known.is_final, false) as is_replayed,
    md5(to_json([
        source.supplier, source.order_type, source.date::varchar, source.currency_code, source.job_number,
        cost_centers.cost_center, source.is_gone::varchar, source.is_refused::varchar, source.is_blocked::varchar,
        source.purchase_request_id::varchar, job.job_id::varchar,
        to_json(lines.said)::varchar
    ])::varchar) as source_hash
from heads as source
left join lines on lines.kind = source.kind and lines.source_key = source.source_key and lines.part = source.part
left join cost_centers
    on cost_centers.kind = source.kind and cost_centers.source_key = source.source_key and cost_centers.part = source.part
left join (
    select number, any_value(job_id) as job_id from staging.stg_servicetitan__jobs group by number
) as job on job.number = source.job_number
left join vendors_there as vendor on vendor.supplier = source.supplier
left join mapping.order_types as own_type on own_type.order_type = source.order_type and own_type.order_type <> '*'
left join mapping.order_types as any_type on any_type.order_type = '*'
left join mapping.cost_centers as unit_of
    on unit_of.cost_center = cost_centers.cost_center
    and coalesce(unit_of.valid_from <= source.date, true) and coalesce(unit_of.valid_to >= source.date, true)
left join inventory_locations as location on location.location_id = lines.location_ids[1]
left join taken on taken.order_key = source.source_key and source.kind = 'purchase_order'
left join newest_known as known
    on known.kind = source.kind and known.source_key = source.source_key and known.part = source.part
qualify row_number() over (
    partition by source.kind, source.source_key, source.part order by unit_of.valid_from desc nulls last
) = 1;

-- As they are sent. What was delivered of a requisition stands there under the line that it had.
create or replace temp table purchase_items as
select
    line.kind, line.source_key, line.part,
    list({
        'line': line.line::varchar,
        'was_line': case when taken.source_key is not null then line.purchase_requisition_item::varchar end,
        'sku_id': line.sku_id, 'description': line.description,
        'vendor_part_number': coalesce(line.vendor_part_number, ''),
        'quantity': exact(line.quantity), 'cost': exact(line.cost)
    } order by line.line) as items
from purchase_lines_mapped as line
left join (
    select distinct on (taken.order_key, taken.purchase_requisition, each.item)
        taken.order_key, taken.purchase_requisition, each.item, taken.source_key
    from requisitions_taken as taken
    join (
        select source_key, part, unnest(items) as item from requisitions_there
    ) as each on each.source_key = taken.source_key and each.part = taken.part
) as taken
    on taken.order_key = line.source_key and taken.purchase_requisition = line.purchase_requisition
    and taken.item = line.purchase_requisition_item
group by all;
