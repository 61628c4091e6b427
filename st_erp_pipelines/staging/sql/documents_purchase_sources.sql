-- Orders and requisitions of S/4HANA as orders to be: what each says as a whole, and line by line, before any mapping.

-- Which document an item of a requisition belongs to: what was delivered stays in its order, for ServiceTitan takes no
-- further line there. The others of one supplier go together, under the first of them: what came later, and what an order
-- left of a delivered one. Where an order began with the same item, they are counted.
create or replace temp table requisition_parts as
with standing as (
    select source_key, part, unnest(items) as item
    from requisitions_there
    where (source_key, part) not in (select (source_key, part) from requisitions_taken)
),
kept as (  -- under the supplier of its first item; whatever has another supplier by now leaves it
    select source_key, item, max(part) as part
    from (
        select
            item.source_key, item.item, item.supplier, standing.part,
            arg_min(item.supplier, item.item) over (partition by standing.source_key, standing.part) as of_first
        from requisition_items as item
        join standing on standing.source_key = item.source_key and standing.item = item.item
    )
    where supplier is not distinct from of_first
    group by all
),
placed as (
    select
        item.*, kept.part as kept_part,
        exists (from standing where standing.source_key = item.source_key and standing.item = item.item) as is_there,
        exists (
            from requisitions_there as there
            join requisitions_taken as taken on taken.source_key = there.source_key and taken.part = there.part
            where there.source_key = item.source_key and list_contains(there.items, item.item)
        ) as was_taken
    from requisition_items as item
    left join kept on kept.source_key = item.source_key and kept.item = item.item
),
firsts as (
    select
        *, coalesce(kept_part % 100000, min(item) over (partition by source_key, supplier, is_of_request, kept_part)) as first
    from placed
    where is_open or is_there or not was_taken
)
select firsts.*, coalesce(kept_part, first + 100000 * coalesce(earlier.times, 0)) as part
from firsts
left join (
    select source_key, part % 100000 as began_with, count(distinct part) as times
    from (select source_key, part from requisitions_taken union select source_key, part from standing)
    group by all
) as earlier on earlier.source_key = firsts.source_key and earlier.began_with = firsts.first;

create or replace temp table purchase_sources as
with orders as (
    select
        purchase.*,
        is_order_released(processing_status, is_release_incomplete, is_on_hold) as is_released,
        -- 03 is in release, 08 rejected
        coalesce(processing_status, '') not in ('02', '03', '05', '08') and not is_on_hold as has_unknown_status,
        coalesce(purchase.deletion_code = 'L', false) or not exists (
            from staging.stg_sap_s4hana__purchase_order_items as item
            where item.purchase_order = purchase.purchase_order and item.deletion_code is distinct from 'L'
        ) as is_gone
    from staging.stg_sap_s4hana__purchase_orders as purchase
    where company_code = getvariable('erp_settings').company_code
),
-- What of an order is of which requests: by the requisition of an item, else by the reference of the order.
asked as (
    select
        purchase_order, any_value(referred_id) as referred_id,
        list(distinct request_id order by request_id) filter (where request_id is not null) as request_ids,
        bool_or(request_id is null) as has_others,
        bool_or(purchase_requisition is null) as is_made_by_hand
    from (
        select
            purchase.purchase_order, item.purchase_requisition, of_order.purchase_request_id as referred_id,
            coalesce(of_item.purchase_request_id, referred_id) as request_id
        from orders as purchase
        left join staging.stg_sap_s4hana__purchase_order_items as item
            on item.purchase_order = purchase.purchase_order and item.deletion_code is distinct from 'L'
        left join requisition_items as requisition
            on requisition.purchase_requisition = item.purchase_requisition and requisition.item = item.purchase_requisition_item
        left join request_keys as of_item on of_item.business_key = first_request_key(requisition.external_reference)
        left join request_keys as of_order on of_order.business_key = first_request_key(purchase.external_reference)
    )
    group by purchase_order
),
-- Who copies an order copies its reference. The request's own is the one that stands, that was made of it, the first.
copies as (
    select
        purchase.purchase_order,
        first_value(purchase.purchase_order) over (
            partition by asked.referred_id
            order by purchase.is_gone, known.remote_id is null, try_cast(purchase.purchase_order as bigint)
        ) as copy_of
    from orders as purchase
    join asked on asked.purchase_order = purchase.purchase_order
    left join newest_known as known
        on known.kind = 'request' and known.remote_id = purchase.purchase_order
        and first_request_key(known.business_key) = first_request_key(purchase.external_reference)
    where asked.referred_id is not null and asked.is_made_by_hand
    qualify copy_of <> purchase.purchase_order
)
select
    'purchase_order' as kind, source_key, 0 as part, purchase_order as number, supplier, order_type, order_date as date,
    currency_code, internal_reference as reference, home_day, deletion_code = 'S' as is_blocked,
    (is_released or has_unknown_status) and not is_gone as is_wanted,
    is_gone,
    not (is_released or has_unknown_status) as is_held,  -- nothing is changed meanwhile
    case when has_unknown_status then coalesce(processing_status, '') end as unknown_status,
    processing_status = '08' as is_refused,
    case when copies.copy_of is null and len(asked.request_ids) = 1 and not asked.has_others then asked.request_ids[1] end
        as purchase_request_id,
    case when purchase_request_id is null then asked.request_ids end as beside_requests,
    has_others,
    copies.copy_of,
    'ST-' || rules.key_prefix || '-PO-' || purchase_order as business_key,
    'SAP S/4HANA order ' || purchase_order as title
from orders
cross join rules
left join asked using (purchase_order)
left join copies using (purchase_order)
union all by name
select
    'requisition' as kind, source_key, part, any_value(purchase_requisition) as number, supplier,
    arg_min(requisition_type, item) as order_type, min(creation_date) as date, arg_min(currency_code, item) as currency_code,
    min(home_day) as home_day,
    -- All of it at once: ServiceTitan takes no further line later.
    any_value(rules.requisitions = 'deliver') and bool_or(is_open) and bool_and(is_released or not is_open)
        and not bool_or(is_of_request) as is_wanted,
    bool_and(is_deleted or is_closed) and not bool_or(is_ordered) as is_gone,
    bool_or(is_open and not is_released) or bool_or(is_ordered and is_there) as is_held,
    any_value(
        'ST-' || rules.key_prefix || '-PR-' || purchase_requisition || '-' || first
        || case when part > 100000 then '-' || (part // 100000 + 1) else '' end
    ) as business_key,
    'SAP S/4HANA requisition ' || any_value(purchase_requisition) as title
from requisition_parts
cross join rules
group by source_key, part, supplier;

create or replace temp macro per_one(price, quantity) as coalesce(price, 0) / coalesce(nullif(quantity, 0), 1);

create or replace temp table purchase_lines as
select
    'purchase_order' as kind, purchase.source_key, 0 as part, item.item as line, item.description, item.material, item.plant,
    item.vendor_part_number, item.quantity, item.delivery_date,
    item.is_return, item.deletion_code = 'S' as is_blocked,
    item.unit, item.price_unit,
    item.unit is distinct from item.price_unit and item.price_unit is not null
        and item.price_unit_numerator is distinct from item.price_unit_denominator as is_priced_otherwise,
    (per_one(item.net_price_amount, item.net_price_quantity) * case
        when is_priced_otherwise
        then coalesce(nullif(item.price_unit_numerator, 0), 1) / coalesce(nullif(item.price_unit_denominator, 0), 1)
        else 1
    end)::decimal(28, 7) as cost,
    case when given(item.delivery_street) is not null or given(item.delivery_city) is not null then {
        'description': coalesce(item.delivery_name, ''), 'street': coalesce(item.delivery_street, ''), 'unit': '',
        'city': coalesce(item.delivery_city, ''), 'state': coalesce(item.delivery_state, ''),
        'zip': coalesce(item.delivery_postal_code, ''), 'country': coalesce(item.delivery_country, '')
    } end as ship_to,
    item.purchase_requisition, item.purchase_requisition_item
from staging.stg_sap_s4hana__purchase_order_items as item
join staging.stg_sap_s4hana__purchase_orders as purchase on purchase.purchase_order = item.purchase_order
where
    item.deletion_code is distinct from 'L'
    and purchase.company_code = getvariable('erp_settings').company_code
union all by name
select
    'requisition' as kind, source_key, part, item as line, description, material, plant, vendor_part_number, quantity,
    delivery_date, false as is_return, false as is_blocked, unit, unit as price_unit, false as is_priced_otherwise,
    per_one(price_amount, price_quantity)::decimal(28, 7) as cost
from requisition_parts
where is_open;

-- What is assigned to cost centers, projects and internal orders, with what it is worth.
create or replace temp table purchase_accounts as
with accounts as (
    select
        'purchase_order' as kind, purchase.source_key, 0 as part, account.item as line, account.assignment, account.cost_center,
        account.wbs_element, account.internal_order, account.net_amount, account.percent
    from staging.stg_sap_s4hana__purchase_order_account_assignments as account
    join staging.stg_sap_s4hana__purchase_orders as purchase on purchase.purchase_order = account.purchase_order
    where not account.is_deleted
    union all
    select
        'requisition', requisition.source_key, requisition.part, account.item, account.assignment, account.cost_center,
        account.wbs_element, account.internal_order, account.net_amount, account.percent
    from staging.stg_sap_s4hana__purchase_requisition_account_assignments as account
    join requisition_parts as requisition
        on requisition.purchase_requisition = account.purchase_requisition and requisition.item = account.item
    where not account.is_deleted
)
select
    account.kind, account.source_key, account.part, account.line, account.assignment, account.cost_center,
    case getvariable('erp_settings').job_field
        when 'WBSElement' then account.wbs_element when 'OrderID' then account.internal_order
    end as reference,
    coalesce(nullif(account.net_amount, 0), line.quantity * line.cost * coalesce(nullif(account.percent, 0), 100) / 100)
        as amount
from accounts as account
join purchase_lines as line
    on line.kind = account.kind and line.source_key = account.source_key and line.part = account.part
    and line.line = account.line;
