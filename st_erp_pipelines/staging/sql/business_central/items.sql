-- kind: item
-- Items (API v2.0 items).

/* structure
{
  "id": "VARCHAR", "number": "VARCHAR", "displayName": "VARCHAR", "type": "VARCHAR", "blocked": "BOOLEAN",
  "baseUnitOfMeasureCode": "VARCHAR", "unitPrice": "DECIMAL(28,7)", "unitCost": "DECIMAL(28,7)",
  "priceIncludesTax": "BOOLEAN", "itemCategoryCode": "VARCHAR", "taxGroupCode": "VARCHAR",
  "generalProductPostingGroupCode": "VARCHAR"
}
*/

-- table: stg_business_central__items
-- One row per item.
select
    r.id as item_id,                                      -- guid
    r.number as number,                                   -- item number
    r.displayName as display_name,                        -- name
    decoded(r.type) as type,                              -- Inventory, Service or Non-Inventory
    r.blocked as is_blocked,                              -- blocked
    r.baseUnitOfMeasureCode as unit_of_measure_code,      -- base unit of measure
    r.unitPrice as unit_price,                            -- price of one
    r.priceIncludesTax as is_price_with_tax,              -- that price includes tax
    r.unitCost as unit_cost,                              -- cost of one
    r.itemCategoryCode as item_category_code,             -- item category
    r.taxGroupCode as tax_group_code,                     -- tax group
    r.generalProductPostingGroupCode as posting_group_code,    -- general product posting group
    origin.*
from record
