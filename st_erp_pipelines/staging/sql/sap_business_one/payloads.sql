-- What is sent of a payment, see resources/sap_business_one/incoming_payments.py. Parts and invoice_key are read again by
-- the next build (known.py). payment_types.csv says by which means (its column batches: CASH, CHECK, CARD; else a transfer)
-- and to which account.
set variable cards = (  -- by the account that payments by it are debited to, by both its names
    select map(list(account), list(card))
    from (
        select erp.number as account, min(card.code::integer) as card
        from staging.stg_sap_business_one__credit_cards as card
        join staging.stg_sap_business_one__accounts as account on account.code = card.account_code
        join erp_accounts as erp on erp.number in (account.code, account.number)
        group by all
    )
);

create or replace temp macro payment_payload(sent) as to_json({
    key: sent.business_key, parts: sent.parts, amount: money(sent.amount), customer_number: coalesce(sent.party, ''),
    posting_date: sent.posting_date::varchar, document_date: sent.payment_date::varchar, currency: sent.currency,
    comment: cut(concat_ws(': ', given(sent.payment_type_name), given(sent.memo)), 250),
    means: case when lower(sent.batches) in ('cash', 'check', 'card') then lower(sent.batches) else 'transfer' end,
    account: sent.balancing_account,
    check_number: coalesce(sent.check_number, ''),
    bank_code: getvariable('erp_settings').check_bank, bank_country: getvariable('erp_settings').check_bank_country,
    card: getvariable('cards')[sent.balancing_account],
    invoice_key: case when sent.is_on_account then '' else sent.invoice_key end,
    invoices: case
        when sent.is_on_account then []
        else [{key: sent.invoice_key, id: coalesce(sent.invoice_remote_id, ''), amount: money(sent.amount)}]
    end
});
