-- The log: append-only events, the bodies that must stay forgettable, and the sequences ids are drawn from.

CREATE TABLE events (
    position       bigint      PRIMARY KEY CHECK (position > 0),
    stream         text        COLLATE "C" NOT NULL,
    version        integer     NOT NULL CHECK (version > 0),
    type           text        NOT NULL,
    schema_version smallint    NOT NULL,
    at             timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    data           jsonb       NOT NULL,
    metadata       jsonb       NOT NULL,
    hash           bytea       NOT NULL,
    CONSTRAINT events_stream_version UNIQUE (stream, version)
);

-- A repeated command is recognised by its events; the same command can never be recorded twice.
CREATE UNIQUE INDEX events_command ON events ((metadata ->> 'command_id'), (metadata ->> 'command_index'))
    WHERE metadata ? 'command_id';

-- ENABLE ALWAYS: also in sessions that call themselves replicas.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              HINT = 'Events are never changed. Record what is true now with a command instead.';
END
$$;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER events_append_only;

-- Locked last of all, so that position order is commit order. Empty, and the owner's alone: nobody else can lock it.
CREATE TABLE log_door ();

CREATE TABLE scripts (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    body   text NOT NULL
);

CREATE TABLE environments (
    id       uuid  PRIMARY KEY,
    "values" jsonb NOT NULL
);

CREATE SEQUENCE job_ids AS bigint MAXVALUE 9007199254740991;
CREATE SEQUENCE allocation_ids AS bigint MAXVALUE 9007199254740991;
CREATE SEQUENCE cpu_blocks AS bigint MINVALUE 0 MAXVALUE 8388607;
