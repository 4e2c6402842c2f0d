-- A piece of a generic resource is promised once as a CPU is: it has a number in cpu_spans, and the constraint over
-- live allocations refuses the second holder. Reservations that end within their batch are tried with all they hold.

CREATE OR REPLACE FUNCTION try_reservations(passing_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    tried record;
BEGIN
    FOR tried IN
        SELECT p.id, p.cpu_ids,
               -- A handler of the release before sends no spans.
               coalesce(p.cpu_spans, (SELECT range_agg(int8range(p.cpu_block + cpu, p.cpu_block + cpu + 1))
                                      FROM unnest(p.cpu_ids) cpu)) AS spans
        FROM jsonb_to_recordset(passing_rows) AS p (id bigint, cpu_block bigint, cpu_ids integer[], cpu_spans int8multirange)
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

COMMENT ON COLUMN resource_allocations.cpu_spans IS
    'The same CPUs as numbers that no other node has (cpu_block of the node plus each of cpu_ids), and its generic '
    'resources as negative ones, for the constraint. / '
    '同一批 CPU 的全局唯一编号（节点的 cpu_block 加 cpu_ids 中各编号），以及以负数表示的通用资源，供约束使用。';
