-- What texts call its setting of open days, and why no refund is sent.
create or replace temp macro period_setting() as 'General Ledger Setup';
create or replace temp macro no_refund() as 'a payment journal cannot take';

-- What is sent of a payment: a line of a journal.
create or replace temp macro payment_payload(sent) as to_json({
    payment_key: sent.key_prefix || 'P' || sent.payment_id || '-', key: sent.business_key,
    payment_total: money(sent.parts_total),
    parts: sent.parts, amount: money(sent.amount), customer_number: coalesce(sent.party, ''),
    posting_date: sent.posting_date::varchar,
    invoice_key: case when sent.is_on_account then '' else sent.invoice_key end,
    invoice_id: coalesce(sent.invoice_remote_id, ''),
    description: cut('ServiceTitan payment ' || sent.label, 100),
    comment: cut(concat_ws(': ', given(sent.payment_type_name), given(sent.memo)), 250),
    batches: case
        when sent.draft_batch is not null then [sent.draft_batch]
        else list_filter(string_split_regex(sent.batches, '\s+'), lambda batch: batch <> '')
    end,
    balancing_account: sent.balancing_account
});
