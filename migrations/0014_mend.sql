-- Rows that differ from the log are made anew from it, in one short call that also says so in the log.

-- What a row is found by, and by what it belongs to the job or node whose stream explains it.
CREATE FUNCTION key_of(target regclass, OUT key_column text, OUT key_type text, OUT owner_column text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT CASE relname WHEN 'nodes' THEN 'name' ELSE 'id' END,
           CASE relname WHEN 'nodes' THEN 'text' ELSE 'bigint' END,
           CASE relname WHEN 'nodes' THEN 'name' WHEN 'jobs' THEN 'id' ELSE 'job_id' END
    FROM pg_class WHERE oid = target
$$;

-- Rows of some jobs or nodes (`owners`), beside all that they should have. `xmin` tells one version of a row from the
-- next, so that a row that changes meanwhile is left alone; jsonb_populate_record is what live batches write with.
-- Columns that the expected rows do not name are not compared.
CREATE FUNCTION differing_rows(target regclass, expected jsonb, owners text[])
RETURNS TABLE (row_key text, owner text, found_xmin text, said boolean)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    k record;
BEGIN
    SELECT * INTO k FROM key_of(target);
    RETURN QUERY EXECUTE format($query$
        SELECT coalesce(e.said_key, t.held_key)::text, coalesce(e.said_owner, t.held_owner)::text, t.seen,
               e.said_key IS NOT NULL
        FROM (
            SELECT value, (value ->> %2$L)::%3$s AS said_key, (value ->> %4$L)::%3$s AS said_owner
            FROM jsonb_array_elements($1)
        ) e
        FULL JOIN (
            SELECT x AS held, x.%2$I AS held_key, x.%4$I AS held_owner, x.xmin::text AS seen FROM %1$s x
            WHERE x.%4$I = ANY($2::%3$s[])
            UNION ALL
            SELECT x, x.%2$I, x.%4$I, x.xmin::text FROM %1$s x
            WHERE x.%2$I IN (SELECT (value ->> %2$L)::%3$s FROM jsonb_array_elements($1))
              AND x.%4$I <> ALL($2::%3$s[])
        ) t ON t.held_key = e.said_key
        WHERE t.held_key IS NULL OR e.said_key IS NULL
           OR t.held IS DISTINCT FROM jsonb_populate_record(t.held, e.value)
        $query$, target, k.key_column, k.key_type, k.owner_column)
    USING expected, owners;
END
$$;

-- Takes out rows that are still as they were found: {"<key>": "<xmin>"}, null for a row that was not there.
-- Who holds such a row now is not waited for: live work goes first, and the caller comes again.
CREATE FUNCTION take_out_rows(target regclass, seen jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    k     record;
    moved text;
BEGIN
    SELECT * INTO k FROM key_of(target);
    EXECUTE format('SELECT FROM %1$s WHERE %2$I = ANY($1::%3$s[]) ORDER BY %2$I FOR UPDATE NOWAIT',
                   target, k.key_column, k.key_type)
    USING ARRAY(SELECT jsonb_object_keys(seen));
    EXECUTE format('SELECT min(f.key) FROM jsonb_each_text($1) f LEFT JOIN %1$s t ON t.%2$I = f.key::%3$s
                    WHERE t.xmin::text IS DISTINCT FROM f.value', target, k.key_column, k.key_type)
    INTO moved USING seen;
    IF moved IS NOT NULL THEN
        RAISE EXCEPTION 'version conflict: row % of % has changed meanwhile', moved, target USING ERRCODE = 'CN409';
    END IF;
    EXECUTE format('DELETE FROM %1$s WHERE %2$I = ANY($1::%3$s[])', target, k.key_column, k.key_type)
    USING ARRAY(SELECT jsonb_object_keys(seen));
END
$$;

-- Columns that the rows do not name get their defaults.
CREATE FUNCTION put_in_rows(target regclass, said jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    columns text := (SELECT string_agg(quote_ident(name), ', ') FROM jsonb_object_keys(said -> 0) name);
BEGIN
    IF columns IS NOT NULL THEN
        EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_recordset(NULL::%1$s, $1)',
                       target, columns)
        USING said;
    END IF;
END
$$;

-- Every row of some jobs or nodes; for tables that are being built and nobody sees.
CREATE FUNCTION clear_rows(target regclass, owners text[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    k record;
BEGIN
    SELECT * INTO k FROM key_of(target);
    EXECUTE format('DELETE FROM %1$s WHERE %2$I = ANY($1::%3$s[])', target, k.owner_column, k.key_type) USING owners;
END
$$;

-- The owner's alone. One call, one transaction, like commit_batch, and in its order of locks: rows, the door last.
-- Nothing here is waited for longer than `lock_timeout`, so nobody waits for it longer than that and its own work.
CREATE FUNCTION mend_rows(
    batch_at timestamptz, streams_read jsonb, rows_found jsonb, rows_said jsonb, new_events jsonb, channels text[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    conflicts     text;
    target        text;
    channel       text;
    last_position bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'mend_rows needs READ COMMITTED, not %', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF transaction_timestamp() <> statement_timestamp() THEN
        RAISE EXCEPTION 'mend_rows must be a transaction of its own, sent as one simple query'
            USING ERRCODE = 'active_sql_transaction',
                  HINT = 'A client that stopped in the middle would keep everybody out of the log.';
    END IF;
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM set_config('lock_timeout', '50ms', true);

    FOREACH target IN ARRAY ARRAY['resource_allocations', 'past_allocations', 'jobs', 'nodes'] LOOP
        CONTINUE WHEN rows_found -> target IS NULL;
        PERFORM take_out_rows(target::regclass, rows_found -> target);
    END LOOP;
    FOREACH target IN ARRAY ARRAY['resource_allocations', 'past_allocations', 'jobs', 'nodes'] LOOP
        PERFORM put_in_rows(target::regclass, rows_said -> target);
    END LOOP;

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

    last_position := append_events(batch_at, new_events, clock_timestamp());
    FOREACH channel IN ARRAY channels LOOP
        PERFORM pg_notify(channel, last_position::text);
    END LOOP;
    RETURN last_position;
END
$$;

REVOKE EXECUTE ON FUNCTION key_of(regclass), differing_rows(regclass, jsonb, text[]), take_out_rows(regclass, jsonb),
    put_in_rows(regclass, jsonb), clear_rows(regclass, text[]),
    mend_rows(timestamptz, jsonb, jsonb, jsonb, jsonb, text[]) FROM PUBLIC;

COMMENT ON FUNCTION key_of(regclass) IS
    'The key of a projection''s table, its type, and the column that says to what a row belongs. / '
    '投影表的键列、其类型，以及表明行归属的列。';
COMMENT ON FUNCTION differing_rows(regclass, jsonb, text[]) IS
    'Keys of rows that are not as the log says, and which version of the row was seen. / '
    '与日志不一致的行的键，以及所见行的版本。';
COMMENT ON FUNCTION take_out_rows(regclass, jsonb) IS
    'Deletes rows that are still as they were found; for mend_rows alone. / '
    '删除仍与所见一致的行；仅供 mend_rows 调用。';
COMMENT ON FUNCTION put_in_rows(regclass, jsonb) IS
    'Inserts rows as the log says them; columns that they do not name get their defaults. / '
    '按日志插入行；未列出的列取默认值。';
COMMENT ON FUNCTION clear_rows(regclass, text[]) IS
    'Deletes every row of some jobs or nodes from a table that is being built. / '
    '从正在构建的表中删除某些作业或节点的所有行。';
COMMENT ON FUNCTION mend_rows(timestamptz, jsonb, jsonb, jsonb, jsonb, text[]) IS
    'Makes differing rows anew as the log says and appends an event that names them; for the owner alone. / '
    '按日志重建不一致的行，并追加一个列出这些行的事件；仅所有者可执行。';
