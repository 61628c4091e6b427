-- What the company buys that is none of this tenant's, item by item, and who says so. After documents_purchases_there.sql.

-- A row of a mapping table that has no id says skip.
create or replace temp macro is_skipped(own_key, own_id, any_key, any_id) as
    coalesce(own_key, any_key) is not null and if(own_key is null, any_id, own_id) is null;

create or replace temp table purchase_items_left_out as
with items as (
    select
        'purchase_order' as kind, purchase.source_key, item.item as line, purchase.order_type, item.plant,
        purchase.purchasing_organization, purchase.external_reference as reference,
        requisition.external_reference as item_reference, requisition.external_system
    from staging.stg_sap_s4hana__purchase_orders as purchase
    join staging.stg_sap_s4hana__purchase_order_items as item on item.purchase_order = purchase.purchase_order
    left join requisition_items as requisition
        on requisition.purchase_requisition = item.purchase_requisition and requisition.item = item.purchase_requisition_item
    where item.deletion_code is distinct from 'L'
    union all
    select
        'requisition', source_key, item, requisition_type, plant, purchasing_organization, null, external_reference,
        external_system
    from requisition_items
)
select
    items.kind, items.source_key, items.line,
    case
        when is_skipped(own_type.order_type, own_type.type_id, any_type.order_type, any_type.type_id)
            then 'order_types.csv skips order type ' || items.order_type
        when is_skipped(own_plant.plant, own_plant.inventory_location_id, any_plant.plant, any_plant.inventory_location_id)
            then 'plants.csv skips plant ' || items.plant
        when purchasing_organization <> getvariable('erp_settings').purchasing_organization
            then 'it is of purchasing organization ' || purchasing_organization || ', not of erp.purchasing_organization'
        when list_contains(rules.other_prefixes, regexp_extract(reference, '^([A-Z]{1,3})R[0-9]+(-R[0-9]+)?$', 1))
            then 'it is of request ' || reference || ' of another connection'
        when list_contains(rules.other_prefixes, regexp_extract(item_reference, '^([A-Z]{1,3})R[0-9]+(-R[0-9]+)?$', 1))
            or (external_system like 'servicetitan/%' and external_system <> 'servicetitan/' || rules.tenant_id)
            then 'it is of request ' || coalesce(item_reference, '(none)') || ' of another tenant'
    end as why
from items
cross join rules
left join mapping.order_types as own_type on own_type.order_type = items.order_type and own_type.order_type <> '*'
left join mapping.order_types as any_type on any_type.order_type = '*'
left join mapping.plants as own_plant on own_plant.plant = items.plant and own_plant.plant <> '*'
left join mapping.plants as any_plant on any_plant.plant = '*';

create or replace temp table orders_left_out as
select source_key, arg_min(why, line) as left_out
from purchase_items_left_out
where kind = 'purchase_order'
group by source_key
having bool_and(why is not null);
