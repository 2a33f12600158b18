-- What a version was made on. A version that arrives after one made on top of it is history and moves nothing, so the
-- children of a version must be found.
alter table versions add column base text;
update versions set base = json_extract(body, '$.base');
create index version_by_base on versions (user_id, kind, record_id, base) where base is not null;
