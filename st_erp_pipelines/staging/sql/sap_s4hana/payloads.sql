-- What texts call its setting of open days.
create or replace temp macro period_setting() as 'posting periods';
