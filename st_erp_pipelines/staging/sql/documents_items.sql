-- Items of the ERP, what items.csv makes of each, and what of them stands in ServiceTitan's pricebook. The hash
-- covers what is written there of an item: a changed mapping, and the cost of a service, are no edit of it.

-- The row of items.csv that speaks for an item: that of its number, else of its category, else `*`.
create or replace temp table item_rules as
with candidates as (
    select item.source_key, 1 as rank, rule.*
    from erp_items as item
    join mapping.items as rule on upper(rule.item_number) = upper(item.number)
    union all
    select item.source_key, 2, rule.*
    from erp_items as item
    join mapping.items as rule on rule.item_number = '*' and upper(rule.item_category) = upper(item.item_category_code)
    union all
    select item.source_key, 3, rule.*
    from erp_items as item
    join mapping.items as rule on rule.item_number = '*' and rule.item_category is null
)
from candidates
qualify row_number() over (partition by source_key order by rank) = 1;

create or replace temp table pricebook as
select 'material' as list, material_id as id, code, display_name, is_active, external_data
from staging.stg_servicetitan__materials
union all
select 'service', service_id, code, display_name, is_active, external_data
from staging.stg_servicetitan__services
union all
select 'equipment', equipment_id, code, display_name, is_active, external_data
from staging.stg_servicetitan__equipment;

-- Records that people made under the number of an item: it may be the same thing, or not.
create or replace temp table made_by_hand as
select
    item.source_key,
    string_agg(
        pricebook.list || ' ' || pricebook.id || coalesce(' ''' || pricebook.display_name || '''', '')
        || case when pricebook.is_active then '' else ', inactive' end,
        ' and ' order by pricebook.id
    ) as named,
    min(pricebook.id) as first_id
from pricebook
join erp_items as item on upper(trim(pricebook.code)) = upper(item.number)
where
    pricebook.list = 'equipment'  -- which no item becomes
    or not list_contains(list_transform(coalesce(pricebook.external_data, []), lambda row: row.key), 'erpId')
group by item.source_key;

-- What stands there, and what we wrote last of it.
create or replace temp table items_there as
select source_key, try_cast(remote_id as bigint) as pricebook_id, written::json as written
from known_documents
where kind = 'item' and state in ('posted', 'adopted')
qualify row_number() over (partition by source_key order by revision desc) = 1;

create or replace temp table items as
with facts as (
    select
        item.source_key,
        item.number,
        coalesce(given(item.display_name), item.number) as display_name,
        figure(coalesce(item.unit_price, 0)) as price,
        figure(coalesce(item.unit_cost, 0)) as cost,
        coalesce(given(item.unit_of_measure_code), '') as unit_of_measure,
        item.is_blocked is distinct from true as active,
        item.is_price_with_tax is not distinct from true as is_price_with_tax,
        given(item.item_category_code) as category_code,
        greatest((item.extracted_at at time zone rules.time_zone)::date, rules.start_date) as read_on,
        (coalesce(item.modified_at, item.extracted_at) at time zone rules.time_zone)::date as modified_on,
        rule.becomes as rule_becomes,
        coalesce(there.written->>'becomes', rule.becomes) as becomes,  -- it stays in the list where it stands
        rule.category_id, rule.vendor_id, rule.account,
        by_hand.named as by_hand, by_hand.first_id as by_hand_id,
        there.source_key is not null as is_there,
        there.pricebook_id, there.written,
        known.state as known_state, known.revision as known_revision, known.source_hash as known_hash,
        known.is_final as is_known_final,
        coalesce(known.replayed and not known.is_final, false) as is_replayed
    from erp_items as item
    cross join rules
    left join item_rules as rule on rule.source_key = item.source_key
    left join made_by_hand as by_hand on by_hand.source_key = item.source_key
    left join items_there as there on there.source_key = item.source_key
    left join newest_known as known on known.kind = 'item' and known.source_key = item.source_key
)
select
    *,
    md5(to_json([
        display_name, price, case when becomes = 'service' then '' else cost end,
        case when becomes = 'service' then '' else unit_of_measure end, active::varchar
    ])::varchar) as source_hash
from facts;
