-- Links to record: rows of customers.csv that are new or changed, matches, and the first hash of a link that
-- has none yet (a later change is measured against it).

select source_key, listed_number as erp_number, listed_remote_id as remote_id, 'table' as linked_by, source_hash
from customers
where listed_number is not null and listed_number is distinct from linked_number
union all
select matches.source_key, matches.number, matches.remote_id, 'match', customers.source_hash
from customer_matches as matches
join customers on customers.source_key = matches.source_key
union all
select source_key, linked_number, linked_remote_id, linked_by, source_hash
from customers
where linked_by in ('table', 'match') and linked_number is not null and given(linked_hash) is null
    and (listed_number is null or listed_number = linked_number)
order by source_key;
