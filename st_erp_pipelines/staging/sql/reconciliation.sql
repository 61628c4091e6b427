-- What ServiceTitan says against what the ERP's own posted documents say, per document and business unit.
-- The ERP's lines belong to the unit of the source line with the same sequence, the rest to the header's unit.
-- What was adopted under another reference is ours by the temporary table `adopted`.
-- Parameters: prefix (the connection's key prefix), go_live, only_posted. Amounts: the connection's currency.
CREATE OR REPLACE TABLE staging.reconciliation_documents AS
WITH source_headers AS (
    SELECT 'invoices' AS flow, 'ST-' || $prefix || '-INV-' || invoice_id AS business_key, reference_number AS label,
           invoice_date AS business_date, coalesce(business_unit_name, '(none)') AS business_unit,
           total, sales_tax, 1 AS sign
    FROM staging.stg_servicetitan__invoices
    WHERE is_active AND invoice_date >= $go_live AND (sync_status <> 'Pending' OR NOT $only_posted)
    UNION ALL BY NAME
    SELECT 'invoices' AS flow, 'ST-' || $prefix || '-CM-' || credit_memo_id AS business_key, reference_number AS label,
           credit_memo_date AS business_date, coalesce(business_unit_name, '(none)') AS business_unit,
           total, sales_tax, -1 AS sign
    FROM staging.stg_servicetitan__credit_memos
    WHERE is_active AND credit_memo_date >= $go_live AND (sync_status <> 'Pending' OR NOT $only_posted)
),
source_lines AS (
    SELECT 'ST-' || $prefix || '-INV-' || invoice_id AS business_key, position * 10000 AS sequence,
           business_unit_name AS business_unit, total AS net
    FROM staging.stg_servicetitan__invoice_items
    UNION ALL BY NAME
    SELECT 'ST-' || $prefix || '-CM-' || credit_memo_id AS business_key, position * 10000 AS sequence,
           business_unit_name AS business_unit, total AS net
    FROM staging.stg_servicetitan__credit_memo_items
    WHERE is_active
),
source_lines_in_scope AS (
    SELECT h.business_key, l.sequence, coalesce(l.business_unit, h.business_unit) AS business_unit, h.sign * l.net AS net
    FROM source_lines l JOIN source_headers h USING (business_key)
),
-- What no line explains stays with the header's unit, so that the document's total is whole.
source_amounts AS (
    SELECT business_key, business_unit, net, 0::DECIMAL(18, 4) AS tax FROM source_lines_in_scope
    UNION ALL BY NAME
    SELECT h.business_key, h.business_unit,
           h.sign * (h.total - h.sales_tax) - coalesce(l.net, 0) AS net, h.sign * h.sales_tax AS tax
    FROM source_headers h
    LEFT JOIN (SELECT business_key, sum(net) AS net FROM source_lines_in_scope GROUP BY ALL) l USING (business_key)
),
payment_sources AS (
    SELECT 'payments' AS flow, $prefix || 'P' || payment_id AS business_key, reference_number AS label,
           payment_date AS business_date, coalesce(business_unit_name, '(none)') AS business_unit,
           CASE WHEN refunded_payment_id IS NULL THEN total ELSE -abs(total) END AS net  -- its sign is not documented
    FROM staging.stg_servicetitan__payments
    WHERE is_active AND payment_date >= $go_live AND (sync_status <> 'Pending' OR NOT $only_posted)
),
source AS (
    SELECT h.flow, business_key, h.label, h.business_date, a.business_unit, sum(a.net) AS net, sum(a.tax) AS tax
    FROM source_amounts a JOIN source_headers h USING (business_key)
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT flow, business_key, label, business_date, business_unit, net, 0::DECIMAL(18, 4) AS tax FROM payment_sources
),
erp_headers AS (
    SELECT type, document_id, coalesce(adopted.business_key, regexp_replace(reference, '(-R\d+)?(-V)?$', ''))
               AS business_key, number, document_date, CASE type WHEN 'invoice' THEN 1 ELSE -1 END AS sign
    FROM erp_sales LEFT JOIN adopted USING (type, document_id)
    WHERE is_standing
),
erp_amounts AS (
    SELECT h.business_key, h.number, h.document_date, l.sequence, h.sign * l.net AS net, h.sign * l.tax AS tax
    FROM erp_headers h JOIN erp_sales_lines l USING (type, document_id)
    WHERE starts_with(h.business_key, 'ST-' || $prefix || '-')
),
erp AS (
    SELECT 'invoices' AS flow, e.business_key, min(e.number) AS erp_number, min(e.document_date) AS erp_date,
           coalesce(s.business_unit, h.business_unit, '(no source)') AS business_unit,
           sum(e.net) AS net, sum(e.tax) AS tax
    FROM erp_amounts e
    LEFT JOIN source_lines_in_scope s ON s.business_key = e.business_key AND s.sequence = e.sequence
    LEFT JOIN source_headers h ON h.business_key = e.business_key
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT 'payments' AS flow, regexp_extract(e.key, '^(.+)-\d+$', 1) AS business_key,
           string_agg(DISTINCT e.number, ' ') AS erp_number, min(e.posting_date) AS erp_date,
           coalesce(any_value(p.business_unit), '(no source)') AS business_unit,
           sum(e.amount) AS net, 0::DECIMAL(18, 4) AS tax
    FROM erp_payments e
    LEFT JOIN payment_sources p ON p.business_key = regexp_extract(e.key, '^(.+)-\d+$', 1)
    WHERE e.amount IS NOT NULL AND regexp_matches(e.key, '^' || $prefix || 'P\d+-\d+$')
    GROUP BY regexp_extract(e.key, '^(.+)-\d+$', 1)
)
SELECT coalesce(s.flow, e.flow) AS flow, coalesce(s.business_key, e.business_key) AS business_key, s.label,
       e.erp_number, coalesce(s.business_date, e.erp_date) AS business_date,
       coalesce(s.business_unit, e.business_unit) AS business_unit,
       coalesce(s.net, 0)::DECIMAL(18, 2) AS source_net, coalesce(e.net, 0)::DECIMAL(18, 2) AS erp_net,
       coalesce(s.tax, 0)::DECIMAL(18, 2) AS source_tax, coalesce(e.tax, 0)::DECIMAL(18, 2) AS erp_tax,
       (coalesce(s.net, 0) + coalesce(s.tax, 0) - coalesce(e.net, 0) - coalesce(e.tax, 0))::DECIMAL(18, 2) AS difference,
       CASE WHEN s.business_key IS NULL AND e.net = 0 AND e.tax = 0 THEN 'matched'  -- voided, and taken back
            WHEN s.business_key IS NULL THEN 'no source'
            WHEN e.business_key IS NULL AND s.net = 0 AND s.tax = 0 THEN 'matched'
            WHEN e.business_key IS NULL THEN 'not in the ERP'
            WHEN s.net <> e.net OR s.tax <> e.tax THEN 'differs'
            ELSE 'matched' END AS status
FROM source s
FULL JOIN erp e ON e.business_key = s.business_key AND e.business_unit = s.business_unit;

CREATE OR REPLACE TABLE staging.reconciliation AS
SELECT flow, business_date, business_unit, count(DISTINCT business_key) AS documents,
       sum(source_net) AS source_net, sum(erp_net) AS erp_net,
       sum(source_tax) AS source_tax, sum(erp_tax) AS erp_tax, sum(difference) AS difference
FROM staging.reconciliation_documents
GROUP BY ALL;

COMMENT ON TABLE staging.reconciliation IS
    'Per flow, business date and business unit: what ServiceTitan says and what the ERP has posted, net and tax apart.';
COMMENT ON COLUMN staging.reconciliation.flow IS 'invoices (with credit memos) or payments';
COMMENT ON COLUMN staging.reconciliation.business_date IS 'date of the invoice or payment';
COMMENT ON COLUMN staging.reconciliation.business_unit IS 'of the line, else of the document';
COMMENT ON COLUMN staging.reconciliation.documents IS 'how many documents have an amount there, on either side';
COMMENT ON COLUMN staging.reconciliation.source_net IS 'before tax, in ServiceTitan';
COMMENT ON COLUMN staging.reconciliation.erp_net IS 'before tax, as the ERP has posted it';
COMMENT ON COLUMN staging.reconciliation.source_tax IS 'tax in ServiceTitan';
COMMENT ON COLUMN staging.reconciliation.erp_tax IS 'tax as the ERP has posted it';
COMMENT ON COLUMN staging.reconciliation.difference IS 'ServiceTitan less the ERP, with tax; 0 where they agree';
COMMENT ON TABLE staging.reconciliation_documents IS
    'The same per document, with a status; a difference that its document explains says why in the outbox.';
COMMENT ON COLUMN staging.reconciliation_documents.flow IS 'invoices (with credit memos) or payments';
COMMENT ON COLUMN staging.reconciliation_documents.business_key IS
    'the reference written into the ERP, without the number of a revision; of a payment without that of a part';
COMMENT ON COLUMN staging.reconciliation_documents.label IS 'what ServiceTitan calls it';
COMMENT ON COLUMN staging.reconciliation_documents.erp_number IS 'what the ERP calls it; a payment may have several';
COMMENT ON COLUMN staging.reconciliation_documents.business_date IS 'its date in ServiceTitan, else in the ERP';
COMMENT ON COLUMN staging.reconciliation_documents.business_unit IS 'of the line, else of the document';
COMMENT ON COLUMN staging.reconciliation_documents.source_net IS 'before tax, in ServiceTitan';
COMMENT ON COLUMN staging.reconciliation_documents.erp_net IS 'before tax, as the ERP has posted it';
COMMENT ON COLUMN staging.reconciliation_documents.source_tax IS 'tax in ServiceTitan';
COMMENT ON COLUMN staging.reconciliation_documents.erp_tax IS 'tax as the ERP has posted it';
COMMENT ON COLUMN staging.reconciliation_documents.difference IS 'ServiceTitan less the ERP, with tax';
COMMENT ON COLUMN staging.reconciliation_documents.status IS 'matched, differs, not in the ERP, or no source';
