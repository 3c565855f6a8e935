#pragma once

namespace carillon::persistence {

/// Makes the tables of the present version in the schema `carillon`, without the row of
/// carillon.meta. A table's columns stand in the order in which the migrations add them.
///
/// UUIDv7 ids rise with time, so their index grows at its end alone. An event's row holds
/// its state too, but a broadcast's state is each user's own: marks. counts has every event
/// once, so its sums are all counts and all kinds.
inline constexpr const char* postgres_tables_sql = R"(
CREATE SCHEMA IF NOT EXISTS carillon;
COMMENT ON SCHEMA carillon IS 'inboxes of a Carillon server, which alone may write here';

CREATE TABLE carillon.meta (
  one             boolean PRIMARY KEY DEFAULT true CHECK (one),
  schema_version  bigint NOT NULL,
  epoch           bigint NOT NULL,
  system_id       uuid   NOT NULL,
  local_user      uuid   NOT NULL,
  commits         bigint NOT NULL DEFAULT 0,
  reserved_until  bigint NOT NULL DEFAULT 0,
  life            bigint NOT NULL DEFAULT 0,
  events          bigint NOT NULL DEFAULT 0,
  event_bytes     bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
COMMENT ON COLUMN carillon.meta.events IS 'rows of carillon.events';
COMMENT ON COLUMN carillon.meta.event_bytes IS 'their size, as retention_bytes counts it';

CREATE TABLE carillon.events (
  user_id         uuid     NOT NULL,
  sequence        bigint   NOT NULL,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  deleted_at      timestamptz,
  severity        smallint NOT NULL,
  status          smallint NOT NULL,
  id              uuid     NOT NULL,
  system_id       uuid     NOT NULL,
  operation_id    uuid     NOT NULL,
  acted_upon      uuid     NOT NULL,
  broadcast_owner uuid,
  category        text COLLATE "C" NOT NULL,
  action          text COLLATE "C" NOT NULL,
  description     text COLLATE "C" NOT NULL,
  metadata        text COLLATE "C" NOT NULL,
  exact_body      text COLLATE "C",
  changed         bigint,
  aged_at         timestamptz,
  PRIMARY KEY (user_id, sequence)
);
CREATE UNIQUE INDEX events_id ON carillon.events (id, user_id);
CREATE INDEX events_updated ON carillon.events (user_id, status, updated_at, sequence)
  WHERE deleted_at IS NULL;
CREATE INDEX events_deleted ON carillon.events (deleted_at, user_id, sequence)
  WHERE deleted_at IS NOT NULL;
CREATE INDEX events_aged ON carillon.events (aged_at, user_id, sequence)
  WHERE aged_at IS NOT NULL;
COMMENT ON COLUMN carillon.events.user_id IS 'whose inbox; the nil UUID: a broadcast, in everybody''s';
COMMENT ON COLUMN carillon.events.severity IS '0 alert, 1 critical, 2 debug, 3 emergency, 4 error, 5 informational, 6 success, 7 warning';
COMMENT ON COLUMN carillon.events.status IS '0 unread, 1 read; of a broadcast: before a user marks it';
COMMENT ON COLUMN carillon.events.broadcast_owner IS 'who published a broadcast';
COMMENT ON COLUMN carillon.events.metadata IS 'JSON as it was published';
COMMENT ON COLUMN carillon.events.exact_body IS 'the event''s JSON, where it does not follow from the other columns';
COMMENT ON COLUMN carillon.events.changed IS 'sequence of the latest change, since schema version 2';
COMMENT ON COLUMN carillon.events.aged_at IS 'created_at, where the id does not begin with that time';

CREATE TABLE carillon.marks (
  user_id    uuid     NOT NULL,
  sequence   bigint   NOT NULL,
  status     smallint NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  changed    bigint,
  PRIMARY KEY (user_id, sequence)
);
CREATE INDEX marks_updated ON carillon.marks (user_id, updated_at, sequence)
  WHERE deleted_at IS NULL;
CREATE INDEX marks_broadcast ON carillon.marks (sequence);
COMMENT ON TABLE carillon.marks IS 'what a user made of a broadcast';
COMMENT ON COLUMN carillon.marks.changed IS 'sequence of the latest change, since schema version 2';

CREATE TABLE carillon.counts (
  user_id  uuid     NOT NULL,
  severity smallint NOT NULL,
  category text COLLATE "C" NOT NULL,
  action   text COLLATE "C" NOT NULL,
  unread   bigint   NOT NULL,
  read     bigint   NOT NULL,
  deleted  bigint   NOT NULL DEFAULT 0,
  PRIMARY KEY (user_id, severity, category, action)
) WITH (fillfactor = 50);
COMMENT ON TABLE carillon.counts IS 'number of events; a user''s rows plus those of the nil UUID are its inbox';
COMMENT ON COLUMN carillon.counts.deleted IS 'events and broadcasts that the user deleted; with unread and read the user''s rows of carillon.events';

CREATE TABLE carillon.positions (
  user_id     uuid PRIMARY KEY,
  last_change bigint NOT NULL,
  horizon     bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE carillon.positions IS 'sequence of the user''s latest change, or event that is gone; the nil UUID has the broadcasts';
COMMENT ON COLUMN carillon.positions.horizon IS 'up to which sequence events and changes may have been removed';
)";

}  // namespace carillon::persistence
