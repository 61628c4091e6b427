-- What projections call. Made anew on every connection (temporary), so that a changed macro needs no migration.

-- Markup and entities out, text kept, white space folded: `<p>5 &lt; 6</p>` is `5 < 6`. Only letters open a tag: `5 < 6` stays.
-- A macro's argument is copied to wherever it stands, and computed there: so each of these names it once, where it can.
create or replace temp macro untagged(text) as regexp_replace(text, '</?[A-Za-z][^>]*>|<!--.*?-->', ' ', 'gs');

create or replace temp macro folded(text) as trim(regexp_replace(text, '\s{2,}|[\t\r\n]', ' ', 'g'));

create or replace temp macro named_entities(text) as
    replace(replace(replace(replace(replace(replace(text,
        '&nbsp;', ' '), '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&apos;', chr(39)), '&amp;', '&');

create or replace temp macro numbered_entities(text) as
    list_reduce(
        list_distinct(regexp_extract_all(text, '&#(\d{1,6});', 1)),
        lambda done, code: replace(done, '&#' || code || ';', coalesce(try(chr(code::integer)), ' ')),
        text
    );

create or replace temp macro plain(text) as
    case
        when not (contains(text, '<') or contains(text, '&')) then trim(text)
        when not contains(text, '&#') then folded(named_entities(untagged(text)))
        else folded(named_entities(numbered_entities(untagged(text))))
    end;

-- Business Central escapes enum values like XML names: `In_x0020_Review`, `G_x002F_L_x0020_Account`; a lone `_x0020_` is blank.
create or replace temp macro decoded(text) as
    trim(replace(replace(replace(replace(replace(replace(text,
        '_x0020_', ' '), '_x002F_', '/'), '_x002D_', '-'), '_x002E_', '.'), '_x0028_', '('), '_x0029_', ')'));

-- Business Central has no nulls: a blank date is 0001-01-01, a blank guid all zeros.
create or replace temp macro dated(day) as nullif(day, date '0001-01-01');
create or replace temp macro filled(guid) as nullif(guid, '00000000-0000-0000-0000-000000000000');

-- Business One's dates are days of the company's calendar, whatever is written behind them.
create or replace temp macro company_day(day) as try_cast(left(day, 10) as date);

-- S/4HANA has no nulls: a text without a value is blank, a number that is a text all zeros. The same key comes with leading
-- zeros and without.
create or replace temp macro unpadded(key) as
    nullif(case when regexp_full_match(trim(key), '[0-9]+') then ltrim(trim(key), '0') else trim(key) end, '');
create or replace temp macro flagged(mark) as mark is not distinct from 'X';
create or replace temp macro valid_when_loaded(since, until) as
    coalesce(since <= getvariable('loaded_at'), true) and coalesce(until >= getvariable('loaded_at'), true);

-- Which of two versions is newer: by modification, or by when it was read where that is unknown.
create or replace temp macro version_at(modified_at, extracted_at) as coalesce(modified_at, extracted_at);

-- The day partition a record belongs to: the day it was modified, in the connection's zone, among the days there are.
create or replace temp macro home_day(modified_at, extracted_at) as
    least(greatest(
        (version_at(modified_at, extracted_at) at time zone getvariable('zone'))::date,
        getvariable('first_day')), getvariable('last_day'));
