-- Why an order or a requisition cannot be an order of ServiceTitan as it is: every reason it has, one rule each.

create or replace temp table purchase_reasons as
with lines as (
    select kind, source_key, part, line, 'item ' || line as item, line.* exclude (kind, source_key, part, line)
    from purchase_lines_mapped as line
),
waits_for_requisition as (
    select kind, source_key, part, 1 as rank, 'waits_for_requisition' as code,
        'It was made of a requisition that is under way to ServiceTitan (' || taken_keys || '): it takes its place once that is '
        || 'settled. Where that needs a person, st-erp audit ' || split_part(taken_keys, ' ', 1) || ' says what to do.' as text
    from purchases
    where waits_for_requisition
),
several_requisitions as (
    select kind, source_key, part, 2, 'several_requisitions',
        'It was made of requisitions that stand in ServiceTitan as several orders, ' || taken_ids || ' (' || taken_keys
        || '): cancel all of them there but one, which it then takes the place of, or all, and it is made anew.'
    from purchases
    where delivered > 1 and not waits_for_requisition
),
unknown_status as (
    select kind, source_key, part, 3, 'unknown_status',
        'Its status in S/4HANA is ''' || unknown_status || ''', which nobody here knows: is it released? It goes once its status is '
        || '02 (active) or 05 (release completed).'
    from purchases
    where unknown_status is not null
),
copy_of_request as (
    select kind, source_key, part, 3, 'copy_of_request',
        'Its reference is that of request ' || array_to_string(beside_requests, ' and ') || ' of ServiceTitan, whose order is '
        || copy_of || ': where it is a copy of that, take the reference (Your Reference) out of it in S/4HANA, and it is made in '
        || 'ServiceTitan as an order of its own.'
    from purchases
    where copy_of is not null
),
beside_request as (
    select kind, source_key, part, 3, 'beside_request',
        'ServiceTitan has an order of its own of each of its requests, and this one has items of '
        || case when len(beside_requests) > 1 then 'requests ' else 'request ' end || array_to_string(beside_requests, ' and ')
        || case
            when has_others then ' beside others: let the others have an order of their own in S/4HANA, or enter them in '
                || 'ServiceTitan by hand.'
            else ' at once: let each request have an order of its own in S/4HANA.'
        end
    from purchases
    where copy_of is null and len(beside_requests) > 0
),
no_supplier as (
    select kind, source_key, part, 3, 'no_supplier',
        'No supplier is named: choose a source of supply in S/4HANA, or let it become an order there.'
    from purchases
    where supplier is null
),
waits_for_vendor as (
    select kind, source_key, part, 4, 'waits_for_vendor',
        'Waits for the vendor of supplier ' || supplier || coalesce(' (''' || vendor_name || ''')', '') || ', which '
        || case
            when vendor_name is null then 'is not staged: is it one of this company code and purchasing organization?'
            else 'the flow vendors has neither posted nor found in ServiceTitan.'
        end
    from purchases
    where supplier is not null and not is_vendor_there
),
foreign_currency as (
    select kind, source_key, part, 5, 'foreign_currency',
        'Its currency is ' || currency_code || ', and ServiceTitan knows ' || local_currency
        || ' alone: enter it there by hand, at the rate you want.'
    from purchases
    cross join rules
    where currency_code <> local_currency
),
unmapped_order_type as (
    select kind, source_key, part, 6, 'unmapped_order_type',
        'Order type ' || coalesce(order_type, '(none)') || ' has no type_id in order_types.csv'
        || fault_of('order_types.csv', order_type) || why_not_any('order_types.csv') || ': add it, or a row for *; or say skip, '
        || 'where such orders are none of ServiceTitan''s.'
    from purchases
    where type_id is null
),
unmapped_plant as (
    select distinct kind, source_key, part, 7, 'unmapped_plant',
        'Plant ' || coalesce(plant, '(none)') || ' has no inventory_location_id in plants.csv' || fault_of('plants.csv', plant)
        || why_not_any('plants.csv') || ': add it, or a row for *; or say skip, where it is none of ServiceTitan''s.'
    from lines
    where inventory_location_id is null
),
partly_left_out as (
    select lines.kind, lines.source_key, lines.part, 7, 'partly_left_out',
        string_agg(item || ' is to be left out (' || lines.left_out || ')', ', ' order by line)
        || ', and others are not: let it have an order of its own in S/4HANA.'
    from lines
    join purchases
        on purchases.kind = lines.kind and purchases.source_key = lines.source_key and purchases.part = lines.part
    where lines.left_out is not null and purchases.left_out is null
    group by all
),
several_locations as (
    select kind, source_key, part, 8, 'several_locations',
        'Its items go to several inventory locations (' || array_to_string(location_ids, ', ') || '), and an order of '
        || 'ServiceTitan to one: make an order for each in S/4HANA, or map their plants to one in plants.csv.'
    from purchases
    where len(location_ids) > 1
),
several_addresses as (
    select kind, source_key, part, 9, 'several_addresses',
        'Its items go to ' || addresses || ' addresses, and an order of ServiceTitan to one: make an order for each in S/4HANA.'
    from purchases
    where addresses > 1
),
inactive_location as (
    select kind, source_key, part, 10, 'inactive_location',
        'Inventory location ' || named(location_name, inventory_location_id) || ' is not in use in ServiceTitan: map the plant '
        || 'to another one in plants.csv.'
    from purchases
    where not is_location_active
),
unmapped_cost_center as (
    select kind, source_key, part, 11, 'unmapped_cost_center',
        'Cost center ' || cost_center || ' has no row in cost_centers.csv that is valid on ' || date
        || fault_of('cost_centers.csv', cost_center) || ': add one with its business unit.'
    from purchases
    where cost_center is not null and business_unit_id is null
),
no_business_unit as (
    select kind, source_key, part, 12, 'no_business_unit',
        'No cost center is assigned, and its plant has no business_unit_id in plants.csv: add one of them.'
    from purchases
    where has_lines and cost_center is null and business_unit_id is null
),
blocked_in_s4 as (
    select kind, source_key, part, 13, 'blocked_in_s4',
        upper(left(whose, 1)) || whose[2:] || ' is blocked in S/4HANA: unblock it there, or delete it.'
    from (
        select kind, source_key, part, 'the order' as whose from purchases where is_blocked
        union all
        select kind, source_key, part, item from lines where is_blocked
    )
),
returns as (
    select kind, source_key, part, 14, 'return',
        string_agg(item, ', ' order by line) || ' goes back to the supplier: make a return of it in ServiceTitan by hand, and '
        || 'let an order of its own have it in S/4HANA.'
    from lines
    where is_return
    group by kind, source_key, part
),
no_quantity as (
    select kind, source_key, part, 15, 'no_quantity',
        string_agg(item, ', ' order by line) || ' has no quantity, as items with a limit have none: enter the order in '
        || 'ServiceTitan by hand, or give the item a quantity.'
    from lines
    where coalesce(quantity, 0) <= 0 and not is_return
    group by kind, source_key, part
),
price_unit as (
    select kind, source_key, part, 16, 'price_unit',
        string_agg(item || ' is ordered per ' || unit || ' and priced per ' || price_unit, ', ' order by line)
        || ': price it in the order unit, or set erp.convert_price_units once you have seen that the converted price is right.'
    from lines
    where is_priced_otherwise and not getvariable('erp_settings').convert_price_units
    group by kind, source_key, part
),
order_unit as (
    select kind, source_key, part, 19, 'order_unit',
        string_agg(item || ' is ordered in ' || coalesce(unit, 'no unit') || ', and materials.csv counts '
            || coalesce(material, 'texts') || ' in ' || mapped_unit, ', ' order by line)
        || ': ServiceTitan keeps a number without a unit, so order it in that one, or correct its unit in materials.csv.'
    from lines
    where upper(mapped_unit) is distinct from upper(unit) and mapped_unit is not null
    group by kind, source_key, part
),
unmapped_material as (
    select kind, source_key, part, 17, 'unmapped_material',
        string_agg(item, ', ' order by line) || ': '
        || case when material is null then 'a text without a material needs the row for * in materials.csv'
            else 'material ' || material || ' has no row in materials.csv' || fault_of('materials.csv', material) end
        || why_not_any('materials.csv') || ': add the sku_id of a material or equipment of the pricebook'
        || case when material is null then '.' else ', for it or for *.' end
    from lines
    where sku_id is null
    group by kind, source_key, part, material
),
unusable_sku as (
    select kind, source_key, part, 18, 'unusable_sku',
        string_agg(item, ', ' order by line) || ': ' || sku_list || ' ' || sku_id || ' of materials.csv '
        || case when sku_list = 'service' then 'is a service, which cannot be ordered' else 'is not active' end
        || ': map ' || case when material is null then 'texts (the row *)' else 'material ' || material end
        || ' to an active material or equipment.'
    from lines
    where sku_list = 'service' or not is_sku_active
    group by kind, source_key, part, material, sku_list, sku_id
)
from waits_for_requisition
union all from several_requisitions
union all from unknown_status
union all from copy_of_request
union all from beside_request
union all from no_supplier
union all from waits_for_vendor
union all from foreign_currency
union all from unmapped_order_type
union all from unmapped_plant
union all from partly_left_out
union all from several_locations
union all from several_addresses
union all from inactive_location
union all from unmapped_cost_center
union all from no_business_unit
union all from blocked_in_s4
union all from returns
union all from no_quantity
union all from price_unit
union all from order_unit
union all from unmapped_material
union all from unusable_sku;
