-- The door: the only way to write the log and its projections.

-- `jsonb_populate_recordset` gives the columns in the table's own order. ON CONFLICT locks row by row in the order
-- of the key, where UPDATE ... FROM was seen to deadlock; and only columns that an event can change are updated.
-- PL/pgSQL, because it keeps the plans for the session.
CREATE FUNCTION write_jobs(new_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO jobs
    SELECT * FROM jsonb_populate_recordset(NULL::jobs, new_rows) ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        state = EXCLUDED.state, reason = EXCLUDED.reason, final = EXCLUDED.final,
        allocated_cpus = EXCLUDED.allocated_cpus, priority = EXCLUDED.priority, held = EXCLUDED.held,
        eligible_time = EXCLUDED.eligible_time, start_time = EXCLUDED.start_time, end_time = EXCLUDED.end_time,
        cancel_requested_at = EXCLUDED.cancel_requested_at, exit_code = EXCLUDED.exit_code,
        exit_signal = EXCLUDED.exit_signal, attempt = EXCLUDED.attempt, version = EXCLUDED.version;
END
$$;

CREATE FUNCTION write_allocations(new_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO resource_allocations
    SELECT * FROM jsonb_populate_recordset(NULL::resource_allocations, new_rows) ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        status = EXCLUDED.status, process_id = EXCLUDED.process_id, boot_id = EXCLUDED.boot_id,
        pid_namespace = EXCLUDED.pid_namespace, process_start_ticks = EXCLUDED.process_start_ticks,
        allocation_time = EXCLUDED.allocation_time, release_time = EXCLUDED.release_time,
        release_reason = EXCLUDED.release_reason, exit_code = EXCLUDED.exit_code,
        exit_signal = EXCLUDED.exit_signal, cpu_seconds = EXCLUDED.cpu_seconds,
        memory_peak_mb = EXCLUDED.memory_peak_mb, version = EXCLUDED.version;
END
$$;

CREATE FUNCTION supersede_allocations(past_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM resource_allocations
    WHERE id IN (SELECT id FROM jsonb_populate_recordset(NULL::past_allocations, past_rows) ORDER BY id);
    INSERT INTO past_allocations
    SELECT * FROM jsonb_populate_recordset(NULL::past_allocations, past_rows) ORDER BY id;
END
$$;

CREATE FUNCTION write_nodes(new_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO nodes
    SELECT * FROM jsonb_populate_recordset(NULL::nodes, new_rows) ORDER BY name
    ON CONFLICT (name) DO UPDATE SET
        state = EXCLUDED.state, reason = EXCLUDED.reason, total_cpus = EXCLUDED.total_cpus,
        cpu_ids = EXCLUDED.cpu_ids, memory_mb = EXCLUDED.memory_mb, labels = EXCLUDED.labels,
        incarnation = EXCLUDED.incarnation, boot_id = EXCLUDED.boot_id, spool_id = EXCLUDED.spool_id,
        cpu_block = EXCLUDED.cpu_block, registered_at = EXCLUDED.registered_at, version = EXCLUDED.version;
END
$$;

-- Releases come before live allocations: their CPUs may be promised again in the same batch, and the constraint
-- that guards them is immediate.
CREATE FUNCTION write_rows(new_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY[
        'past_allocations', 'released_allocations', 'live_allocations', 'jobs', 'nodes'] LOOP
        CONTINUE WHEN new_rows -> kind IS NULL;
        CASE kind
            WHEN 'past_allocations' THEN PERFORM supersede_allocations(new_rows -> kind);
            WHEN 'released_allocations', 'live_allocations' THEN PERFORM write_allocations(new_rows -> kind);
            WHEN 'jobs' THEN PERFORM write_jobs(new_rows -> kind);
            WHEN 'nodes' THEN PERFORM write_nodes(new_rows -> kind);
        END CASE;
    END LOOP;
END
$$;

CREATE FUNCTION write_bodies(new_bodies jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO scripts (sha256, body)
    SELECT key, value FROM jsonb_each_text(new_bodies -> 'scripts') ORDER BY key
    ON CONFLICT DO NOTHING;
    INSERT INTO environments (id, "values")
    SELECT key::uuid, value FROM jsonb_each(new_bodies -> 'environments') ORDER BY key
    ON CONFLICT DO NOTHING;
END
$$;

-- The bytes whose sha256, after the previous hash, is an event's hash. Times are integer microseconds since 1970 UTC.
CREATE FUNCTION event_text(
    "position" bigint, stream text, version integer, type text, schema_version integer,
    at timestamptz, recorded_at timestamptz, data jsonb, metadata jsonb
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_array(
        "position", stream, version, type, schema_version,
        (EXTRACT(EPOCH FROM at) * 1000000)::bigint, (EXTRACT(EPOCH FROM recorded_at) * 1000000)::bigint,
        data, metadata)::text
$$;

-- Appends numbered, chained events; the caller holds the door.
CREATE FUNCTION append_events(batch_at timestamptz, new_events jsonb, recorded timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    last_position bigint;
    last_hash     bytea;
    texts         text[];
    hashes        bytea[] := '{}';
    event_bytes   text;
BEGIN
    SELECT e.position, e.hash INTO last_position, last_hash FROM events e ORDER BY e.position DESC LIMIT 1;
    last_position := coalesce(last_position, 0);
    last_hash := coalesce(last_hash, '');
    SELECT array_agg(event_text(last_position + n, e.stream, e.version, e.type, e.schema_version,
                                batch_at, recorded, e.data, e.metadata) ORDER BY n)
    INTO texts
    FROM ROWS FROM (
        jsonb_to_recordset(new_events) AS (
            stream text, version integer, type text, schema_version smallint, data jsonb, metadata jsonb)
    ) WITH ORDINALITY AS e (stream, version, type, schema_version, data, metadata, n);
    FOREACH event_bytes IN ARRAY texts LOOP
        last_hash := sha256(last_hash || convert_to(event_bytes, 'UTF8'));
        hashes := hashes || last_hash;
    END LOOP;
    INSERT INTO events (position, stream, version, type, schema_version, at, recorded_at, data, metadata, hash)
    SELECT last_position + n, e.stream, e.version, e.type, e.schema_version,
           batch_at, recorded, e.data, e.metadata, hashes[n]
    FROM ROWS FROM (
        jsonb_to_recordset(new_events) AS (
            stream text, version integer, type text, schema_version smallint, data jsonb, metadata jsonb)
    ) WITH ORDINALITY AS e (stream, version, type, schema_version, data, metadata, n);
    RETURN last_position + cardinality(hashes);
END
$$;

-- One call, one transaction, one message on the wire: rows, then the door, versions, events, wake-ups.
-- A client that is stopped anywhere cannot hold the door, because the server never waits for it in between.
CREATE FUNCTION commit_batch(
    batch_at timestamptz, streams_read jsonb, new_events jsonb, new_rows jsonb, new_bodies jsonb, channels text[]
) RETURNS TABLE (last_position bigint, recorded_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    conflicts text;
    channel   text;
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
    FOREACH channel IN ARRAY channels LOOP
        PERFORM pg_notify(channel, last_position::text);
    END LOOP;
    RETURN NEXT;
END
$$;

REVOKE EXECUTE ON FUNCTION write_jobs(jsonb), write_allocations(jsonb), supersede_allocations(jsonb),
    write_nodes(jsonb), write_rows(jsonb), write_bodies(jsonb), append_events(timestamptz, jsonb, timestamptz),
    commit_batch(timestamptz, jsonb, jsonb, jsonb, jsonb, text[]) FROM PUBLIC;
