-- A reservation that is made and given back within one batch never becomes a live row, so the constraint would not see
-- that its CPUs were another's. It is tried: put in as a live row, after what was freed and before what is new, and
-- taken out again.

CREATE FUNCTION try_reservations(passing_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    tried record;
BEGIN
    FOR tried IN
        SELECT p.id, p.cpu_ids,
               (SELECT range_agg(int8range(p.cpu_block + cpu, p.cpu_block + cpu + 1)) FROM unnest(p.cpu_ids) cpu) AS spans
        FROM jsonb_to_recordset(passing_rows) AS p (id bigint, cpu_block bigint, cpu_ids integer[])
        ORDER BY p.id
    LOOP
        -- Under numbers that nothing else has: the row it ends as may be there already.
        INSERT INTO resource_allocations (id, job_id, attempt, node_name, allocated_cpus, cpu_ids, status,
                                          reservation_time, expires_at, version, cpu_spans)
        VALUES (-tried.id, -tried.id, 1, '', cardinality(tried.cpu_ids), tried.cpu_ids, 'reserved',
                now(), now(), 1, tried.spans);
        DELETE FROM resource_allocations WHERE id = -tried.id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION try_reservations(jsonb) IS
    'Lets the constraint judge reservations that end within the batch that made them. / '
    '让约束检查在同一批次内建立又归还的预留。';
REVOKE EXECUTE ON FUNCTION try_reservations(jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION write_rows(new_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY[
        'past_allocations', 'released_allocations', 'passing_allocations', 'live_allocations', 'jobs', 'nodes',
        'lost_nodes'] LOOP
        CONTINUE WHEN new_rows -> kind IS NULL;
        CASE kind
            WHEN 'past_allocations' THEN PERFORM supersede_allocations(new_rows -> kind);
            WHEN 'released_allocations', 'live_allocations' THEN PERFORM write_allocations(new_rows -> kind);
            WHEN 'passing_allocations' THEN PERFORM try_reservations(new_rows -> kind);
            WHEN 'jobs' THEN PERFORM write_jobs(new_rows -> kind);
            WHEN 'nodes' THEN PERFORM write_nodes(new_rows -> kind);
            WHEN 'lost_nodes' THEN PERFORM confirm_lost(new_rows -> kind);
        END CASE;
    END LOOP;
END
$$;
