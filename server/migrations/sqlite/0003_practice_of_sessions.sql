-- Practice time is that of the sessions, and of the counters for practice that left none.
update records set practice_ms = max(cast(json_extract(body, '$.data.durationMs') as integer), 0)
where kind = 'session' and not deleted and json_type(body, '$.data.durationMs') in ('integer', 'real');
update users set practice_ms = (
    select cast(min(total(practice_ms), 9007199254740991.0) as integer) from records r
    where r.user_id = users.user_id and r.practice_ms is not null);
