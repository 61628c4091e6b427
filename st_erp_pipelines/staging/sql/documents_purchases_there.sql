-- What stands in ServiceTitan of orders and requisitions of S/4HANA, and which order took the place of which requisition.

create or replace temp macro said_of_purchase(written) as from_json(given(written), '{
    "vendor_id": "BIGINT", "type_id": "BIGINT", "business_unit_id": "BIGINT", "inventory_location_id": "BIGINT",
    "job_id": "BIGINT", "date": "VARCHAR", "required_on": "VARCHAR", "cancel": "BOOLEAN",
    "ship_to": {
        "description": "VARCHAR", "street": "VARCHAR", "unit": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR",
        "zip": "VARCHAR", "country": "VARCHAR"
    },
    "items": [{
        "line": "VARCHAR", "sku_id": "BIGINT", "description": "VARCHAR", "vendor_part_number": "VARCHAR",
        "quantity": "VARCHAR", "cost": "VARCHAR"
    }]
}');

-- What was last written of each, member by member: a change names only what it sets. What was canceled there, and is made anew
-- since a person asked for it, begins anew.
create or replace temp table purchases_there as
select
    kind, source_key, part,
    arg_min(business_key, revision) as business_key,
    arg_max(try_cast(remote_id as bigint), revision) as purchase_order_id,
    arg_max(said.vendor_id, revision) as vendor_id,
    arg_max(said.type_id, revision) as type_id,
    arg_max(said.business_unit_id, revision) as business_unit_id,
    arg_max(said.inventory_location_id, revision) as inventory_location_id,
    arg_max(said.job_id, revision) as job_id,
    arg_max(said.ship_to, revision) as ship_to,
    arg_max(said.date, revision) as date,
    arg_max(said.required_on, revision) as required_on,
    arg_max(said.items, revision) as items,
    coalesce(bool_or(said.cancel), false) as is_canceled
from (
    select
        *, said_of_purchase(written) as said,
        max(revision) filter (not contains(business_key, '/R')) over (partition by kind, source_key, part) as made_as
    from known_documents
    where kind in ('purchase_order', 'requisition')
)
where state in ('posted', 'adopted') and revision >= made_as
group by all;

-- Requests of ServiceTitan come back under our key: as the reference of an order, or on the items of a requisition. One that
-- was asked for again has a further revision in it (AR12-R1).
create or replace temp macro first_request_key(reference) as regexp_replace(reference, '-R[0-9]+$', '');
create or replace temp table request_keys as
select
    first_request_key(business_key) as business_key,
    try_cast(regexp_extract(first_request_key(business_key), '[0-9]+$') as bigint) as purchase_request_id
from known_documents
where kind = 'request'
union
select rules.key_prefix || 'R' || purchase_request_id, purchase_request_id
from staging.stg_servicetitan__purchase_requests
cross join rules;

-- 02 is active without a release, 05 released.
create or replace temp macro is_order_released(processing_status, is_release_incomplete, is_on_hold) as
    coalesce(processing_status in ('02', '05'), false)
    and not coalesce(is_release_incomplete, false) and not coalesce(is_on_hold, false);

create or replace temp table requisition_items as
select
    item.* exclude (source_key),
    regexp_replace(item.source_key, '/purchase_requisition_item/.*', '/purchase_requisition/') || item.purchase_requisition
        as source_key,
    item.purchase_order is not null or ordered.purchase_requisition is not null as is_ordered,
    not (item.is_deleted or item.is_closed or is_ordered) as is_open,
    coalesce(item.release_status in ('02', '05'), false) and not (item.is_release_incomplete or item.is_blocked) as is_released,
    coalesce(first_request_key(item.external_reference) in (select business_key from request_keys), false) as is_of_request
from staging.stg_sap_s4hana__purchase_requisition_items as item
left join (
    select distinct purchase_requisition, purchase_requisition_item
    from staging.stg_sap_s4hana__purchase_order_items
    where deletion_code is distinct from 'L' and purchase_requisition is not null
) as ordered
    on ordered.purchase_requisition = item.purchase_requisition and ordered.purchase_requisition_item = item.item
where item.company_code = getvariable('erp_settings').company_code;

-- Requisitions that were delivered as orders, or may have been, and the items that each has there: as the outbox knows or,
-- after the state was lost, as the markers say of orders that no order of S/4HANA has taken yet.
create or replace temp table requisitions_there as
with known as (
    select
        known.source_key, known.part,
        coalesce(there.business_key, known.business_key) as business_key,
        not known.is_final and known.is_fixed as is_under_way,
        there.purchase_order_id is not null and not there.is_canceled as is_delivered,
        there.purchase_order_id,
        list_transform(
            list_concat(
                coalesce(there.items, []),
                case when is_under_way then coalesce(said_of_purchase(known.written).items, []) else [] end
            ),
            lambda each: try_cast(each.line as integer)
        ) as items
    from newest_known as known
    left join purchases_there as there
        on there.kind = known.kind and there.source_key = known.source_key and there.part = known.part
    where known.kind = 'requisition'
),
marked as (
    select
        titans.purchase_order_id, '-PR-(\d+)-(\d+)-?(\d*)\]' as pattern,
        regexp_extract(titans.summary, '\[ST-' || rules.key_prefix || pattern) as marker,
        regexp_extract(marker, pattern, 1) as purchase_requisition,
        regexp_extract(marker, pattern, 2)::integer + 100000 * (coalesce(try_cast(regexp_extract(marker, pattern, 3) as integer), 1) - 1)
            as part
    from staging.stg_servicetitan__purchase_orders as titans
    cross join rules
    where marker <> '' and not contains(titans.summary, '[ST-' || rules.key_prefix || '-PO-')
),
found as (
    select
        requisition.source_key, marked.part, trim(marked.marker, '[]') as business_key, false as is_under_way,
        true as is_delivered, marked.purchase_order_id,
        list(try_cast(regexp_extract(item.description, '^\d+') as integer)) as items
    from marked
    join (select distinct source_key, purchase_requisition from requisition_items) as requisition
        on requisition.purchase_requisition = marked.purchase_requisition
    join staging.stg_servicetitan__purchase_order_items as item on item.purchase_order_id = marked.purchase_order_id
    where (requisition.source_key, marked.part) not in (select (source_key, part) from known)
    group by all
)
select * replace (is_delivered and coalesce(titans.status, '') <> 'Canceled' as is_delivered)
from (from known union all by name from found) as requisition
left join (
    select purchase_order_id, status from staging.stg_servicetitan__purchase_orders
) as titans using (purchase_order_id);

-- Of several orders that were made of one delivered requisition, the one that stands there already takes it, else the
-- first. An order that stands there as an order of its own takes none.
create or replace temp table requisitions_taken as
select distinct
    purchase.source_key as order_key, item.purchase_order,
    requisition.* exclude (items, status), item.purchase_requisition
from staging.stg_sap_s4hana__purchase_order_items as item
join staging.stg_sap_s4hana__purchase_orders as purchase on purchase.purchase_order = item.purchase_order
join requisition_items
    on requisition_items.purchase_requisition = item.purchase_requisition
    and requisition_items.item = item.purchase_requisition_item
join requisitions_there as requisition
    on requisition.source_key = requisition_items.source_key
    and list_contains(requisition.items, item.purchase_requisition_item)
left join purchases_there as there on there.kind = 'purchase_order' and there.source_key = purchase.source_key
where
    (requisition.is_under_way or requisition.is_delivered)
    and (
        there.purchase_order_id = requisition.purchase_order_id
        or (
            there.source_key is null
            and item.deletion_code is distinct from 'L' and purchase.deletion_code is distinct from 'L'
            and is_order_released(purchase.processing_status, purchase.is_release_incomplete, purchase.is_on_hold)
        )
    )
qualify dense_rank() over (
    partition by requisition.source_key, requisition.part
    order by there.source_key is null, try_cast(item.purchase_order as bigint), item.purchase_order
) = 1;
