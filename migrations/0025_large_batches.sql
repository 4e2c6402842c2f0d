-- Large batches at less cost, lists and counts that do not grow with what has ended.

-- Rows or events of one batch are mostly alike. So they may come as {"alike": {...}, "own": [{...}, ...]}: what all of
-- them say, and what each says besides; or, as before, as a plain array of whole ones.
CREATE FUNCTION own_of(given jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE jsonb_typeof(given) WHEN 'array' THEN given ELSE given -> 'own' END $$;

CREATE FUNCTION alike_of(given jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE jsonb_typeof(given) WHEN 'array' THEN '{}' ELSE given -> 'alike' END $$;

CREATE OR REPLACE FUNCTION write_jobs(new_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs
    SELECT * FROM jsonb_populate_recordset(
        jsonb_populate_record(NULL::jobs, alike_of(new_rows)), own_of(new_rows)) ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        state = EXCLUDED.state, reason = EXCLUDED.reason, final = EXCLUDED.final,
        allocated_cpus = EXCLUDED.allocated_cpus, priority = EXCLUDED.priority, held = EXCLUDED.held,
        eligible_time = EXCLUDED.eligible_time, start_time = EXCLUDED.start_time, end_time = EXCLUDED.end_time,
        cancel_requested_at = EXCLUDED.cancel_requested_at, exit_code = EXCLUDED.exit_code,
        exit_signal = EXCLUDED.exit_signal, attempt = EXCLUDED.attempt, version = EXCLUDED.version;
END
$$;

-- A hash of each event with the one before it: `chain(hash before the first, text) OVER (ORDER BY position)`.
CREATE FUNCTION chained(previous bytea, before_first bytea, event_text text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(coalesce(previous, before_first) || convert_to(event_text, 'UTF8'))
$$;
CREATE AGGREGATE chain(bytea, text) (SFUNC = chained, STYPE = bytea);

-- Appends numbered, chained events, all in one pass; the caller holds the door. `data` that all have in common is put
-- together with each one's own. (OFFSET 0: once, and not again wherever it is used.)
CREATE OR REPLACE FUNCTION append_events(batch_at timestamptz, new_events jsonb, recorded timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    last_position bigint;
    last_hash     bytea;
    appended      bigint;
BEGIN
    SELECT e.position, e.hash INTO last_position, last_hash FROM events e ORDER BY e.position DESC LIMIT 1;
    last_position := coalesce(last_position, 0);
    last_hash := coalesce(last_hash, '');
    INSERT INTO events (position, stream, version, type, schema_version, at, recorded_at, data, metadata, hash)
    SELECT e.position, e.stream, e.version, e.type, e.schema_version, batch_at, recorded, e.data, e.metadata,
           chain(last_hash, event_text(e.position, e.stream, e.version, e.type, e.schema_version,
                                       batch_at, recorded, e.data, e.metadata)) OVER (ORDER BY e.position)
    FROM (
        SELECT last_position + o.n AS position, coalesce(o.stream, a.stream) AS stream,
               coalesce(o.version, a.version) AS version, coalesce(o.type, a.type) AS type,
               coalesce(o.schema_version, a.schema_version) AS schema_version,
               CASE WHEN a.data IS NULL THEN o.data WHEN o.data IS NULL THEN a.data ELSE a.data || o.data END AS data,
               coalesce(o.metadata, a.metadata) AS metadata
        FROM ROWS FROM (
            jsonb_to_recordset(own_of(new_events)) AS (
                stream text, version integer, type text, schema_version smallint, data jsonb, metadata jsonb)
        ) WITH ORDINALITY AS o (stream, version, type, schema_version, data, metadata, n)
        CROSS JOIN jsonb_to_record(alike_of(new_events)) AS a (
            stream text, version integer, type text, schema_version smallint, data jsonb, metadata jsonb)
        OFFSET 0
    ) e;
    GET DIAGNOSTICS appended = ROW_COUNT;
    RETURN last_position + appended;
END
$$;

-- How many jobs have ended, and how. One row, in the place of which every batch that changes a count puts the next:
-- the newest is found by its position at once, however many old ones a long query keeps from being swept away, and
-- nobody waits for anybody, because it is written behind the door.
CREATE TABLE ended_jobs (
    position bigint PRIMARY KEY,
    counts   jsonb  NOT NULL CHECK (jsonb_typeof(counts) = 'object')
);

-- What rows of jobs, before they are written, will change in the counts: {"COMPLETED": 1, "FAILED": -1}. The rows that
-- are there are those of the versions that were read, or the door refuses the batch. Called before `write_rows`.
CREATE FUNCTION ended_by(new_rows jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    alike         jsonb   := alike_of(new_rows);
    alike_state   text    := alike ->> 'state';
    alike_final   boolean := alike ->> 'final';
    alike_version integer := alike ->> 'version';
BEGIN
    IF alike_version = 1 AND NOT alike_final THEN  -- all are new
        RETURN NULL;
    END IF;
    RETURN (
        SELECT jsonb_object_agg(c.state, c.change)
        FROM (
            SELECT b.state, sum(b.change) AS change
            FROM jsonb_to_recordset(own_of(new_rows)) AS r (id bigint, state text, final boolean, version integer)
            CROSS JOIN LATERAL (
                SELECT coalesce(r.state, alike_state) AS state, 1 AS change WHERE coalesce(r.final, alike_final)
                UNION ALL
                (SELECT j.state, -1 FROM jobs j
                 WHERE j.id = r.id AND j.final AND coalesce(r.version, alike_version) > 1 LIMIT 1)
            ) b
            GROUP BY b.state
            HAVING sum(b.change) <> 0
        ) c
    );
END
$$;

-- The caller holds the door.
CREATE FUNCTION count_ended(changes jsonb, at_position bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    before ended_jobs;
BEGIN
    SELECT * INTO before FROM ended_jobs e ORDER BY e.position DESC LIMIT 1;
    INSERT INTO ended_jobs (position, counts)
    SELECT at_position, jsonb_object_agg(c.key, c.value)
    FROM (
        SELECT key, sum(value::bigint) AS value
        FROM (SELECT * FROM jsonb_each_text(coalesce(before.counts, '{}')) UNION ALL SELECT * FROM jsonb_each_text(changes)) b
        GROUP BY key
    ) c;
    DELETE FROM ended_jobs e WHERE e.position = before.position;
END
$$;

-- The owner's alone: counts the jobs anew, while nothing is written. True when that changed anything.
CREATE FUNCTION recount_ended() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    counted jsonb;
    before  jsonb;
BEGIN
    LOCK TABLE log_door IN EXCLUSIVE MODE;
    SELECT coalesce(jsonb_object_agg(j.state, j.jobs), '{}') INTO counted
    FROM (
        SELECT state, count(*) AS jobs FROM jobs
        WHERE state NOT IN ('PENDING', 'RESERVED', 'RUNNING') GROUP BY state
    ) j;
    SELECT jsonb_object_agg(b.key, b.value) INTO before
    FROM (SELECT counts FROM ended_jobs e ORDER BY e.position DESC LIMIT 1) e, jsonb_each(e.counts) b
    WHERE b.value <> '0';
    IF coalesce(before, '{}') = counted THEN
        RETURN false;
    END IF;
    DELETE FROM ended_jobs;
    INSERT INTO ended_jobs SELECT coalesce((SELECT max(e.position) FROM events e), 0), counted;
    RETURN true;
END
$$;

-- As before (0003_door.sql), and it counts what has ended.
CREATE OR REPLACE FUNCTION commit_batch(
    batch_at timestamptz, streams_read jsonb, new_events jsonb, new_rows jsonb, new_bodies jsonb, channels text[]
) RETURNS TABLE (last_position bigint, recorded_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    conflicts text;
    channel   text;
    ended     jsonb;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'commit_batch needs READ COMMITTED, not %', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF transaction_timestamp() <> statement_timestamp() THEN
        RAISE EXCEPTION 'commit_batch must be a transaction of its own, sent as one simple query'
            USING ERRCODE = 'active_sql_transaction',
                  HINT = 'A client that stopped in the middle would keep everybody out of the log.';
    END IF;
    PERFORM set_config('synchronous_commit', 'on', true);

    IF new_bodies IS NOT NULL THEN
        PERFORM write_bodies(new_bodies);
    END IF;
    IF new_rows IS NOT NULL THEN
        IF new_rows -> 'jobs' IS NOT NULL THEN
            ended := ended_by(new_rows -> 'jobs');
        END IF;
        PERFORM write_rows(new_rows);
    END IF;

    LOCK TABLE log_door IN EXCLUSIVE MODE;
    SELECT string_agg(format('%s is at version %s, not %s', s.key, coalesce(e.version, 0), s.value), '; ')
    INTO conflicts
    FROM jsonb_each_text(streams_read) s
    LEFT JOIN LATERAL (
        SELECT version FROM events WHERE stream = s.key ORDER BY version DESC LIMIT 1
    ) e ON true
    WHERE coalesce(e.version, 0) <> s.value::integer;
    IF conflicts IS NOT NULL THEN
        RAISE EXCEPTION 'version conflict: %', conflicts USING ERRCODE = 'CN409';
    END IF;

    recorded_at := clock_timestamp();
    last_position := append_events(batch_at, new_events, recorded_at);
    IF ended IS NOT NULL THEN
        PERFORM count_ended(ended, last_position);
    END IF;
    FOREACH channel IN ARRAY channels LOOP
        PERFORM pg_notify(channel, last_position::text);
    END LOOP;
    RETURN NEXT;
END
$$;

-- By what a list is most often asked for besides the state and the user.
CREATE INDEX jobs_by_name ON jobs (name, id);
CREATE INDEX jobs_not_ended ON jobs (id) WHERE NOT final;
CREATE INDEX resource_allocations_by_node ON resource_allocations (node_name, job_id);

REVOKE EXECUTE ON FUNCTION own_of(jsonb), alike_of(jsonb), chained(bytea, bytea, text), chain(bytea, text),
    ended_by(jsonb), count_ended(jsonb, bigint), recount_ended() FROM PUBLIC;

COMMENT ON TABLE ended_jobs IS
    'How many jobs have ended, by state: one row, written with the events that change it. / '
    '已结束作业的数量（按状态）：仅一行，与引起变化的事件同时写入。';
COMMENT ON COLUMN ended_jobs.position IS
    'Position of the last event that changed a count. / 最后一个改变数量的事件的位置。';
COMMENT ON COLUMN ended_jobs.counts IS
    'Jobs in each end state, {"COMPLETED": 12, "FAILED": 3}; a state that is not named has none. / '
    '各结束状态的作业数，如 {"COMPLETED": 12, "FAILED": 3}；未列出的状态为零。';
COMMENT ON FUNCTION own_of(jsonb) IS
    'What each of some rows or events says by itself. / 一组行或事件中各自不同的部分。';
COMMENT ON FUNCTION alike_of(jsonb) IS
    'What all of some rows or events say alike. / 一组行或事件中相同的部分。';
COMMENT ON FUNCTION chained(bytea, bytea, text) IS
    'The next hash of the chain; the step of chain(). / 哈希链的下一个值；chain() 的步进函数。';
COMMENT ON AGGREGATE chain(bytea, text) IS
    'The hash of each event, made of its text and the hash before it. / 每个事件的哈希，由其文本与前一哈希生成。';
COMMENT ON FUNCTION ended_by(jsonb) IS
    'How rows of jobs will change the counts of ended jobs. / 作业行将如何改变已结束作业的数量。';
COMMENT ON FUNCTION count_ended(jsonb, bigint) IS
    'Puts the next counts of ended jobs in the place of the last. / 以新的已结束作业数量取代原有数量。';
COMMENT ON FUNCTION recount_ended() IS
    'Counts ended jobs anew while nothing is written; for the owner alone. / 在无写入时重新统计已结束作业；仅所有者可执行。';

DO $$
DECLARE
    name text := regexp_replace(current_user, '_owner$', '');
BEGIN
    EXECUTE format('GRANT SELECT ON ended_jobs TO %I, %I', name || '_service', name || '_report');
END
$$;
