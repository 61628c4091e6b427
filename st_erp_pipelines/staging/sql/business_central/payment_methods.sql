-- kind: payment_method
-- Payment methods (API v2.0 paymentMethods).

/* structure
{"id": "VARCHAR", "code": "VARCHAR", "displayName": "VARCHAR"}
*/

-- table: stg_business_central__payment_methods
-- One row per payment method.
select
    r.id as id,                       -- guid
    r.code as code,                   -- code
    r.displayName as display_name,    -- name
    origin.*
from record
