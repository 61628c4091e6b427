-- The company's books under the names that every ERP has, see business_central/books.sql. No service tells which days are
-- open, and the currency stands in the settings.

create or replace temp view erp_setup as
select null::date as opens, null::date as closes, getvariable('erp_settings').currency as local_currency;
