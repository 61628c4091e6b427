-- Orders that S/4HANA made of requests: ServiceTitan has its own order of each, under the number of the request.
select
    source.source_key,
    titans.number as erp_number,
    titans.purchase_order_id::varchar as remote_id,
    'match' as linked_by,
    'purchase_order' as kind
from purchase_sources as source
join staging.stg_servicetitan__purchase_requests as request on request.purchase_request_id = source.purchase_request_id
join staging.stg_servicetitan__purchase_orders as titans on titans.number = request.number
left join known_links as known on known.kind = 'purchase_order' and known.source_key = source.source_key
where
    source.kind = 'purchase_order'
    and titans.status is distinct from 'Canceled'
    and known.remote_id is distinct from titans.purchase_order_id::varchar
qualify count(*) over (partition by source.source_key) = 1;
