-- Who is billed for a ServiceTitan customer: the end of its chain of merges, under its number over there.
create or replace temp view parties as
with listed as (
    select listed.customer_id, erp.number as erp_number, erp.remote_id
    from mapping.customers as listed
    join erp_customers as erp on erp.number = listed.erp_number
),
posted as (
    select source_key, remote_number
    from known_documents
    where kind = 'customer' and state in ('posted', 'adopted')
    qualify row_number() over (partition by source_key order by revision) = 1
)
select
    followed.customer_id,
    final.customer_id as final_customer_id,
    final.source_key,
    final.name,
    coalesce(listed.erp_number, links.erp_number, posted.remote_number, 'ST' || rules.key_prefix || '-' || final.customer_id)
        as number,
    coalesce(listed.erp_number, links.erp_number, posted.source_key) is not null as is_there,
    is_there or is_observed_ready(rules.mode, own.state) as may_be_billed,
    listed.erp_number as listed_number,
    listed.remote_id as listed_remote_id,
    links.erp_number as linked_number,
    case when links.linked_by is not null then links.linked_by when listed.erp_number is not null then 'table' end
        as linked_by,
    links.remote_id as linked_remote_id,
    links.source_hash as linked_hash
from staging.customers_followed as followed
join staging.stg_servicetitan__customers as final on final.customer_id = followed.final_customer_id
cross join rules
left join listed on listed.customer_id = final.customer_id
left join known_links as links on links.kind = 'customer' and links.source_key = final.source_key
left join newest_known as own on own.kind = 'customer' and own.source_key = final.source_key
left join posted on posted.source_key = final.source_key;
