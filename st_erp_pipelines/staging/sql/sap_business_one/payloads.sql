-- What texts call its setting of open days, and why no refund is sent.
create or replace temp macro period_setting() as 'posting periods';
create or replace temp macro no_refund() as 'an incoming payment cannot be';

-- Cards by the account that payments are debited to, by both its names.
set variable cards = (
    select map(list(account), list(card))
    from (
        select erp.number as account, min(card.code::integer) as card
        from staging.stg_sap_business_one__credit_cards as card
        join staging.stg_sap_business_one__accounts as account on account.code = card.account_code
        join erp_accounts as erp on erp.number in (account.code, account.number)
        group by all
    )
);

-- What is sent of a payment, see resources/sap_business_one/incoming_payments.py. Parts and invoice_key are read again by
-- the next build (known.py). payment_types.csv says in its column batches by which means it came, and to which account.
create or replace temp macro payment_payload(sent) as to_json({
    key: sent.business_key, parts: sent.parts, amount: money(sent.amount), customer_number: coalesce(sent.party, ''),
    posting_date: sent.posting_date::varchar, document_date: sent.payment_date::varchar, currency: sent.currency,
    comment: cut(concat_ws(': ', given(sent.payment_type_name), given(sent.memo)), 250),
    means: lower(sent.batches),
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
