-- The documents of the flow items: creations, changes of what stands in the pricebook, and those whose item is gone.

with created as (
    select *, 0 as revision, false as is_change
    from items
    where not is_there
),
changed as (
    select
        *,
        -- A change that was not sent yet takes the newest values along.
        known_revision > 0 and (not is_known_final or known_state = 'skipped') as is_pending,
        known_revision + (not is_pending)::integer as revision,
        true as is_change
    from items
    where is_there and (is_pending or known_hash <> source_hash)
),
documents as (
    from created
    union all by name
    select * exclude (is_pending) from changed
),
reasons as (
    select source_key, 1 as rank, 'unmapped_item' as code,
        'No row of items.csv says what items ' || coalesce('of category ' || category_code, 'without a category')
        || ' become' || fault_of('items.csv', number) || why_not_any('items.csv') || ': add one for * with that category, '
        || 'for * alone, or for the number of this one, that says material or service.' as text
    from documents
    where rule_becomes is null or (rule_becomes = 'none' and is_replayed)
    union all
    select source_key, 2, 'no_vendor',
        'ServiceTitan takes no material without a primary vendor: give its row of items.csv a vendor_id, or let it '
        || 'become a service.'
    from documents
    where not is_change and rule_becomes = 'material' and vendor_id is null and (by_hand is null or is_replayed)
    union all
    select source_key, 3, 'price_includes_tax',
        'The price of item ' || number || ' includes tax, which prices in ServiceTitan do not: change it in the ERP.'
    from documents
    where is_price_with_tax
    union all
    select source_key, 4, 'comma_in_number',
        'Item number ' || number || ' has a comma, where ServiceTitan''s look-up begins another one: it could never be '
        || 'found again. Let items.csv say none for it.'
    from documents
    where not is_change and contains(number, ',')
    union all
    select source_key, 5, 'entered_by_hand',
        'The pricebook has ' || by_hand || ' under its number, and we did not make it. If that is it: st-erp accept ST-'
        || rules.key_prefix || '-ITEM-' || number || ' ' || by_hand_id || '; if not: st-erp replay ST-' || rules.key_prefix
        || '-ITEM-' || number || '.'
    from documents
    cross join rules
    where not is_change and rule_becomes <> 'none' and by_hand is not null and not is_replayed
),
blocked as (
    select source_key, list({'code': code, 'text': text} order by rank) as reasons from reasons group by source_key
),
judged as (
    select
        documents.*,
        case
            when rule_becomes = 'none' and not is_replayed then 'skipped'
            when not is_change and not active and not is_replayed then 'skipped'  -- nobody is to sell it
            when blocked.reasons is not null then 'blocked'
            else 'due'
        end as verdict,
        case when verdict = 'blocked' then blocked.reasons else [] end as reasons
    from documents
    left join blocked on blocked.source_key = documents.source_key
),
-- Deleted in the ERP before it was sent.
gone as (
    select source_key, business_key as known_key, revision
    from newest_known as known
    where
        known.kind = 'item' and not known.is_final
        and exists (from items) and source_key not in (select source_key from items)
)
select
    'items' as flow,
    'item' as kind,
    source_key,
    'ST-' || rules.key_prefix || '-ITEM-' || number || case when revision > 0 then '/R' || revision else '' end
        as business_key,
    read_on as home_day,
    modified_on as business_date,
    0::decimal(18, 2) as amount,
    coalesce(rules.local_currency, '') as currency,
    display_name as party,
    source_hash,
    to_json({
        change: case when is_change then true end,
        number: number, becomes: becomes, pricebook_id: pricebook_id, display_name: display_name, price: price, cost: cost,
        unit_of_measure: unit_of_measure, active: active, vendor_id: vendor_id,
        category_id: case when not is_change then category_id end,
        account: case when not is_change then account end,
        was: case when is_change then {
            display_name: written->>'display_name', price: written->>'price', cost: written->>'cost',
            unit_of_measure: written->>'unit_of_measure', active: (written->>'active')::boolean
        } end,
        overwrites: case when is_change and is_replayed then true end
    }) as payload,
    display_name as label,
    0 as part,
    revision,
    verdict,
    to_json(reasons) as reasons,
    false as adopt_only
from judged
cross join rules
union all
select
    'items', 'item', source_key, known_key, (select start_date from rules), (select start_date from rules), 0, '', '', '',
    '{}', '', 0, revision, 'withdrawn', '[]', false
from gone
order by business_key;
