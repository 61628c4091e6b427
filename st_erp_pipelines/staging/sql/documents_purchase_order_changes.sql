-- The documents of the flow purchase_orders: orders and requisitions that are made in ServiceTitan, orders that take the
-- place of a delivered requisition, changes and cancellations of what stands there, and what is to be forgotten.

with requested as (  -- what became of requests in ServiceTitan
    select
        request.purchase_request_id, bool_and(titans.status is not distinct from 'Canceled') as is_canceled,
        any_value(titans.number) as number
    from staging.stg_servicetitan__purchase_requests as request
    join staging.stg_servicetitan__purchase_orders as titans on titans.number = request.number
    group by all
),
sides as (
    select
        purchase.* exclude (business_key),
        -- It says less than it did, and nothing else. Changed in S/4HANA later, it is read as it is then.
        purchase.source_key in (
            select source_key from staging.stg_sap_s4hana__purchase_orders where is_forgotten
        ) as is_forgotten,
        coalesce(there.business_key, purchase.business_key) as first_key,
        items.items, there.source_key is not null as is_there, coalesce(there.is_canceled, false) as is_canceled,
        there.purchase_order_id, titans.number as number_there,
        coalesce(titans.status = 'Canceled', false) as is_canceled_there,
        coalesce(requested.is_canceled, false) as is_request_canceled, requested.number as requested_number,
        -- What a change sets. The items of an order are sent whole.
        {
            'vendor_id': nullif(purchase.vendor_id, there.vendor_id), 'type_id': nullif(purchase.type_id, there.type_id),
            'business_unit_id': nullif(purchase.business_unit_id, there.business_unit_id),
            'inventory_location_id': nullif(purchase.inventory_location_id, there.inventory_location_id),
            'job_id': nullif(purchase.job_id, there.job_id), 'ship_to': nullif(purchase.ship_to, there.ship_to),
            'date': nullif(purchase.date::varchar, there.date),
            'required_on': nullif(purchase.required_on::varchar, there.required_on)
        } as changed,
        nullif(list_transform(items.items, lambda each: {
            'line': each.line, 'sku_id': each.sku_id, 'description': each.description,
            'vendor_part_number': each.vendor_part_number, 'quantity': each.quantity, 'cost': each.cost
        }), there.items) is not null as are_items_changed
    from purchases as purchase
    left join purchase_items as items
        on items.kind = purchase.kind and items.source_key = purchase.source_key and items.part = purchase.part
    left join purchases_there as there
        on there.kind = purchase.kind and there.source_key = purchase.source_key and there.part = purchase.part
    left join staging.stg_servicetitan__purchase_orders as titans on titans.purchase_order_id = there.purchase_order_id
    left join requested on requested.purchase_request_id = purchase.purchase_request_id
),
created as (
    select *, coalesce(known_revision, 0) as revision, false as is_change, is_wanted as is_active
    from sides
    where
        not is_there and (is_active or not is_known_final)
        and case
            when known_state is null then is_active
            else is_request_canceled
                or (known_state = 'skipped' and left_out is null and purchase_request_id is null)
                or is_built_again(is_known_final, known_state, is_known_flagged, known_hash, source_hash, is_active)
        end
),
changed as (
    select
        *,
        -- A change that was not sent yet takes the newest values along.
        coalesce(known_revision > 0 and known_state not in ('posted', 'adopted'), false) as is_pending,
        known_revision + (not is_pending)::integer as revision,
        true as is_change,
        is_pending or known_hash <> source_hash as is_edited,
        case
            when purchase_request_id is not null then false
            when is_gone then not is_canceled
            when is_canceled or coalesce(is_refused, false) then is_edited
            when is_canceled_there then is_wanted and not is_held
            else is_edited and not is_held and not is_forgotten and (are_items_changed or not (
                changed.vendor_id is null and changed.type_id is null and changed.business_unit_id is null
                and changed.inventory_location_id is null and changed.job_id is null and changed.ship_to is null
                and changed.date is null and changed.required_on is null
            ))
        end as is_active
    from sides
    where is_there
),
documents as materialized (
    from created
    union all by name
    select * exclude (is_pending, is_edited)
    from changed
    where is_active or (is_pending and not is_known_final and (is_gone or not is_held or is_canceled_there))
),
reasons as (
    select kind, source_key, part, list({'code': code, 'text': text} order by rank, text) as reasons
    from (
        select kind, source_key, part, rank, code, text from purchase_reasons
        union all
        select kind, source_key, part, 0, 'canceled_before',
            'It was canceled in ServiceTitan, or left to itself there, since it was deleted in S/4HANA, where it is back: make a '
            || 'new order of it there.'
        from documents
        where is_canceled
        union all
        select kind, source_key, part, 0, 'canceled_there',
            'Order ' || coalesce(number_there, purchase_order_id::varchar) || ' was canceled in ServiceTitan, and S/4HANA still '
            || 'waits for what it orders: delete it in S/4HANA, too; or st-erp replay ' || first_key || '/R' || revision
            || ' makes it anew in ServiceTitan; or st-erp accept ' || first_key || '/R' || revision || ' NUMBER says which order '
            || 'there it is.'
        from documents
        where is_change and is_canceled_there and not is_canceled and not coalesce(is_refused, false)
        union all
        select kind, source_key, part, 0, 'refused_in_s4',
            'Its release was refused in S/4HANA, and ServiceTitan has it as it was before: delete it there, and it is '
            || 'canceled in ServiceTitan, or have it released.'
        from documents
        where is_change and is_refused
    )
    group by kind, source_key, part
),
judged as (
    select
        documents.* exclude (is_wanted),
        case
            when not is_active then 'withdrawn'
            when purchase_request_id is not null and not is_replayed and not is_request_canceled then 'skipped'
            when not is_change and date < rules.go_live and not is_replayed then 'out_of_scope'
            when purchase_request_id is not null then 'blocked'
            when left_out is not null and not is_change and not is_replayed then 'skipped'
            when is_gone then 'due'
            when reasons.reasons is not null then 'blocked'
            else 'due'
        end as verdict,
        case
            when not is_active then []
            when is_request_canceled then [{
                'code': 'request_canceled',
                'text': 'S/4HANA made it of request ' || purchase_request_id || ' of ServiceTitan, whose order there, '
                    || requested_number || ', was canceled: delete it in S/4HANA, too; or st-erp accept ' || first_key
                    || ' NUMBER says which order of ServiceTitan it is.'
            }]
            when purchase_request_id is not null then [{
                'code': 'of_request',
                'text': 'S/4HANA made it of request ' || purchase_request_id || ' of ServiceTitan, which has an order of it '
                    || 'already: it is not made there again.'
            }]
            when verdict = 'blocked' then reasons.reasons
            when verdict = 'skipped' then [{
                'code': 'left_out',
                'text': 'It is left out: ' || left_out || '. If ServiceTitan is to have it: st-erp replay '
                    || of_revision(first_key, revision) || '.'
            }]
            else []
        end as reasons,
        case
            when not is_change then of_revision(first_key, revision)
            else first_key || '/R' || revision
        end as key,
        is_change and is_gone as cancels
    from documents
    cross join rules
    left join reasons
        on reasons.kind = documents.kind and reasons.source_key = documents.source_key and reasons.part = documents.part
),
-- A requisition whose place an order took, or of which nothing is left, before it was sent. What is under way is not sent
-- again, where it proves absent.
left_over as (
    select known.*
    from newest_known as known
    left join purchases as purchase
        on purchase.kind = known.kind and purchase.source_key = known.source_key and purchase.part = known.part
    where
        known.kind in ('purchase_order', 'requisition') and not known.is_final and purchase.source_key is null
        and exists (from purchases where purchases.kind = known.kind)
)
select
    'purchase_orders' as flow,
    kind,
    source_key,
    key as business_key,
    home_day,
    date as business_date,
    case when cancels then 0 else coalesce(total, 0) end::decimal(18, 2) as amount,
    coalesce(currency_code, rules.local_currency, '') as currency,
    coalesce(supplier, '') as party,
    source_hash,
    case when cancels then to_json({key: key, purchase_order_id: purchase_order_id, change: true, cancel: true})
    when is_change then to_json({
        key: key, memo: title || ' [' || first_key || ']', purchase_order_id: purchase_order_id, change: true,
        vendor_id: changed.vendor_id, type_id: changed.type_id, business_unit_id: changed.business_unit_id,
        inventory_location_id: changed.inventory_location_id, job_id: changed.job_id, ship_to: changed.ship_to,
        date: changed.date, required_on: changed.required_on, items: items
    })
    else to_json({
        -- Made anew, it is found by its first key, too, after the state was lost.
        key: key, memo: title || ' [' || first_key || ']' || case when revision > 0 then ' [' || key || ']' else '' end,
        purchase_order_id: taken_order_id, vendor_id: vendor_id, type_id: type_id, business_unit_id: business_unit_id,
        inventory_location_id: inventory_location_id, job_id: job_id, ship_to: ship_to,
        date: date, required_on: required_on, items: coalesce(items, [])
    }) end as payload,
    number as label,
    part,
    revision,
    verdict,
    to_json(reasons) as reasons,
    false as adopt_only
from judged
cross join rules
union all
select
    'purchase_orders', kind, source_key, business_key, rules.start_date, rules.start_date, 0, '', '', '', '{}', '', part,
    revision, 'withdrawn', '[]', false
from left_over
cross join rules
order by business_key;
