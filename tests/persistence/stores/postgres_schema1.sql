CREATE SCHEMA carillon;
COMMENT ON SCHEMA carillon IS 'inboxes of a Carillon server, which alone may write here';
CREATE TABLE carillon.counts (
    user_id uuid NOT NULL,
    severity smallint NOT NULL,
    category text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    unread bigint NOT NULL,
    read bigint NOT NULL
)
WITH (fillfactor='50');
COMMENT ON TABLE carillon.counts IS 'number of events, deleted ones excluded; a user''s rows plus those of the nil UUID are its inbox';
CREATE TABLE carillon.events (
    user_id uuid NOT NULL,
    sequence bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    severity smallint NOT NULL,
    status smallint NOT NULL,
    id uuid NOT NULL,
    system_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    acted_upon uuid NOT NULL,
    broadcast_owner uuid,
    category text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    description text NOT NULL COLLATE pg_catalog."C",
    metadata text NOT NULL COLLATE pg_catalog."C",
    exact_body text COLLATE pg_catalog."C"
);
COMMENT ON COLUMN carillon.events.user_id IS 'whose inbox; the nil UUID: a broadcast, in everybody''s';
COMMENT ON COLUMN carillon.events.severity IS '0 alert, 1 critical, 2 debug, 3 emergency, 4 error, 5 informational, 6 success, 7 warning';
COMMENT ON COLUMN carillon.events.status IS '0 unread, 1 read; of a broadcast: before a user marks it';
COMMENT ON COLUMN carillon.events.broadcast_owner IS 'who published a broadcast';
COMMENT ON COLUMN carillon.events.metadata IS 'JSON as it was published';
COMMENT ON COLUMN carillon.events.exact_body IS 'the event''s JSON, where it does not follow from the other columns';
CREATE TABLE carillon.marks (
    user_id uuid NOT NULL,
    sequence bigint NOT NULL,
    status smallint NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone
);
COMMENT ON TABLE carillon.marks IS 'what a user made of a broadcast';
CREATE TABLE carillon.meta (
    one boolean DEFAULT true NOT NULL,
    schema_version bigint NOT NULL,
    epoch bigint NOT NULL,
    system_id uuid NOT NULL,
    local_user uuid NOT NULL,
    commits bigint DEFAULT 0 NOT NULL,
    reserved_until bigint DEFAULT 0 NOT NULL,
    life bigint DEFAULT 0 NOT NULL,
    CONSTRAINT meta_one_check CHECK (one)
)
WITH (fillfactor='10');
CREATE TABLE carillon.positions (
    user_id uuid NOT NULL,
    last_change bigint NOT NULL
)
WITH (fillfactor='50');
COMMENT ON TABLE carillon.positions IS 'sequence of the user''s latest change';
INSERT INTO carillon.counts VALUES ('00000000-0000-0000-0000-000000000000', 6, 'pattern', 'deploy', 3, 0);
INSERT INTO carillon.counts VALUES ('aa000000-0000-0000-0000-000000000001', 6, 'pattern', 'deploy', 1, 3);
INSERT INTO carillon.counts VALUES ('aa000000-0000-0000-0000-000000000001', 6, 'audit', 'deploy', 1, 0);
INSERT INTO carillon.counts VALUES ('aa000000-0000-0000-0000-000000000002', 6, 'pattern', 'deploy', -1, 0);
INSERT INTO carillon.counts VALUES ('aa000000-0000-0000-0000-000000000002', 6, 'audit', 'deploy', 1, 0);
INSERT INTO carillon.events VALUES ('aa000000-0000-0000-0000-000000000001', 102, '2023-11-14 22:15:20+00', '2023-11-14 22:15:20+00', NULL, 6, 0, '018bcfe7-3cc0-7181-8a40-0e1ee304cc0c', '00000000-0000-0000-0000-000000000000', 'c0c879eb-3cc8-4cf1-8546-f1e1fb2b0e0f', '00000000-0000-0000-0000-000000000000', NULL, 'pattern', 'deploy', 'event 2', '{}', NULL);
INSERT INTO carillon.events VALUES ('aa000000-0000-0000-0000-000000000001', 104, '2023-11-14 22:17:20+00', '2023-11-14 22:17:20+00', NULL, 6, 0, '018bcfe9-1180-79c6-bbb2-741e3ad4a0ea', '00000000-0000-0000-0000-000000000000', 'db7ec440-9416-4467-9793-aeed4067d4b9', '00000000-0000-0000-0000-000000000000', NULL, 'pattern', 'deploy', 'event 4', '{}', NULL);
INSERT INTO carillon.events VALUES ('aa000000-0000-0000-0000-000000000001', 105, '2023-11-14 22:18:20+00', '2023-11-14 22:18:20+00', NULL, 6, 0, '018bcfe9-fbe0-7c72-bf6b-80f16609211f', '00000000-0000-0000-0000-000000000000', '6a812a10-e4d4-4380-b0dc-68732ae296e1', '00000000-0000-0000-0000-000000000000', NULL, 'audit', 'deploy', 'event 5', '{}', NULL);
INSERT INTO carillon.events VALUES ('aa000000-0000-0000-0000-000000000001', 106, '2023-11-14 22:19:20+00', '2023-11-14 22:19:20+00', NULL, 6, 0, '3ecffdcf-6a2c-46b7-90d4-3105f4608ab2', '00000000-0000-0000-0000-000000000000', 'fee1d454-f111-42c7-8398-6955916ed729', '00000000-0000-0000-0000-000000000000', NULL, 'pattern', 'deploy', 'event 6', '{}', NULL);
INSERT INTO carillon.events VALUES ('aa000000-0000-0000-0000-000000000002', 107, '2023-11-14 22:20:20+00', '2023-11-14 22:20:20+00', NULL, 6, 0, '018bcfeb-d0a0-78b8-90ea-bc46dfe66642', '00000000-0000-0000-0000-000000000000', '4ade12c5-b38c-485d-8ac6-0ff1814e304c', '00000000-0000-0000-0000-000000000000', NULL, 'audit', 'deploy', 'event 7', '{}', NULL);
INSERT INTO carillon.events VALUES ('00000000-0000-0000-0000-000000000000', 108, '2023-11-14 22:13:20+00', '2023-11-14 22:13:20+00', NULL, 6, 0, '018bcfe5-6800-7870-a913-df000f655943', '00000000-0000-0000-0000-000000000000', '4fad55dc-533d-479f-929e-3a422e048a2b', '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', 'pattern', 'deploy', 'broadcast 0', '{}', NULL);
INSERT INTO carillon.events VALUES ('00000000-0000-0000-0000-000000000000', 109, '2023-11-14 22:14:20+00', '2023-11-14 22:14:20+00', NULL, 6, 0, '018bcfe6-5260-7139-a428-9808268954c3', '00000000-0000-0000-0000-000000000000', '8503087d-de9c-4aeb-84e7-adeedebfac6c', '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', 'pattern', 'deploy', 'broadcast 1', '{}', NULL);
INSERT INTO carillon.events VALUES ('00000000-0000-0000-0000-000000000000', 110, '2023-11-14 22:15:20+00', '2023-11-14 22:15:20+00', NULL, 6, 0, '018bcfe7-3cc0-780c-824b-577370c385f7', '00000000-0000-0000-0000-000000000000', '6987c6ff-0179-4152-a665-0b45a986a772', '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', 'pattern', 'deploy', 'broadcast 2', '{}', NULL);
INSERT INTO carillon.events VALUES ('aa000000-0000-0000-0000-000000000001', 100, '2023-11-14 22:13:20+00', '2023-11-14 22:30:00+00', NULL, 6, 1, 'e21c0267-3900-4dc9-9408-6b8529a624b5', '00000000-0000-0000-0000-000000000000', 'fbe46f44-c61a-46b5-80d2-c65e26c172a0', '00000000-0000-0000-0000-000000000000', NULL, 'pattern', 'deploy', 'event 0', '{}', NULL);
INSERT INTO carillon.events VALUES ('aa000000-0000-0000-0000-000000000001', 101, '2023-11-14 22:14:20+00', '2023-11-14 22:46:40+00', '2023-11-14 22:46:40+00', 6, 0, '018bcfe6-5260-7650-b0e2-77d2d7ea5294', '00000000-0000-0000-0000-000000000000', '3bd2aa40-d5c1-4566-8311-b7d3311d81ad', '00000000-0000-0000-0000-000000000000', NULL, 'audit', 'deploy', 'event 1', '{"a":"\u0000\/"}', NULL);
INSERT INTO carillon.events VALUES ('aa000000-0000-0000-0000-000000000002', 103, '2023-11-14 22:16:20+00', '2023-11-14 23:03:20+00', '2023-11-14 23:03:20+00', 6, 0, 'f1fc3f46-6923-441a-9e30-042e60c3f380', '00000000-0000-0000-0000-000000000000', 'c4c2f4c8-265c-45d5-adf9-27b16fad101d', '00000000-0000-0000-0000-000000000000', NULL, 'audit', 'deploy', 'event 3', '{}', NULL);
INSERT INTO carillon.marks VALUES ('aa000000-0000-0000-0000-000000000001', 108, 1, '2023-11-14 22:30:00+00', NULL);
INSERT INTO carillon.marks VALUES ('aa000000-0000-0000-0000-000000000001', 109, 1, '2023-11-14 22:30:00+00', NULL);
INSERT INTO carillon.marks VALUES ('aa000000-0000-0000-0000-000000000002', 108, 0, '2023-11-14 23:03:20+00', '2023-11-14 23:03:20+00');
INSERT INTO carillon.meta VALUES (true, 1, 220619778472398, '5790a2e8-5fdb-45a1-aff0-a7c58ffb9ace', 'b037bea1-3ee1-44e0-b6ed-2c5dd14d554a', 14, 1073741824, 1);
INSERT INTO carillon.positions VALUES ('aa000000-0000-0000-0000-000000000001', 112);
INSERT INTO carillon.positions VALUES ('aa000000-0000-0000-0000-000000000002', 113);
ALTER TABLE ONLY carillon.counts
    ADD CONSTRAINT counts_pkey PRIMARY KEY (user_id, severity, category, action);
ALTER TABLE ONLY carillon.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (user_id, sequence);
ALTER TABLE ONLY carillon.marks
    ADD CONSTRAINT marks_pkey PRIMARY KEY (user_id, sequence);
ALTER TABLE ONLY carillon.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (one);
ALTER TABLE ONLY carillon.positions
    ADD CONSTRAINT positions_pkey PRIMARY KEY (user_id);
CREATE UNIQUE INDEX events_id ON carillon.events USING btree (id, user_id);
CREATE INDEX events_updated ON carillon.events USING btree (user_id, status, updated_at, sequence) WHERE (deleted_at IS NULL);
CREATE INDEX marks_updated ON carillon.marks USING btree (user_id, updated_at, sequence) WHERE (deleted_at IS NULL);
