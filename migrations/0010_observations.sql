-- What each node's executor saw by itself: operational, not a projection. The audit compares it with the log.

CREATE TABLE node_observations (
    node_name           text        PRIMARY KEY,
    incarnation         bigint      NOT NULL,
    observed_at         timestamptz NOT NULL,
    missing             bigint[]    NOT NULL,
    strays              jsonb       NOT NULL CHECK (jsonb_typeof(strays) = 'array'),
    remembered_position bigint      CHECK (remembered_position > 0),
    remembered_hash     bytea,
    CHECK ((remembered_position IS NULL) = (remembered_hash IS NULL))
);

COMMENT ON TABLE node_observations IS
    'What the executor of each node last saw on its machine, and the event it remembers. / '
    '各节点执行器最近一次在本机所见，以及它记住的事件。';
COMMENT ON COLUMN node_observations.node_name IS 'The node. / 节点。';
COMMENT ON COLUMN node_observations.incarnation IS
    'The incarnation that looked. / 作此观察的代次。';
COMMENT ON COLUMN node_observations.observed_at IS
    'When it was received, by the clock of the database. / 收到的时刻（数据库时钟）。';
COMMENT ON COLUMN node_observations.missing IS
    'Allocations in use by the log whose process is gone from this machine or unknown to it. / '
    '日志认为正在使用、但本机上进程已不存在或无从得知的分配。';
COMMENT ON COLUMN node_observations.strays IS
    'Processes with the mark of a job of this spool that belong to no live allocation: '
    '[{"pid", "start_ticks", "mark", "job_id", "attempt", "allocation_id", "command"}]. / '
    '带有本目录作业标记、但不属于任何有效分配的进程。';
COMMENT ON COLUMN node_observations.remembered_position IS
    'Position of an event that the executor keeps in its own spool folder. / 执行器在自己的目录中记住的事件位置。';
COMMENT ON COLUMN node_observations.remembered_hash IS
    'The hash it read there; another one in the log means that history was rewritten or lost. / '
    '当时读到的哈希；若日志中的哈希不同，说明历史被改写或丢失。';

-- False when it is not the node's newest incarnation: then nothing is written.
CREATE FUNCTION observe_node(
    node text, node_incarnation bigint, missing_allocations bigint[], stray_processes jsonb,
    seen_position bigint, seen_hash bytea
) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH written AS (
        INSERT INTO node_observations AS o
            (node_name, incarnation, observed_at, missing, strays, remembered_position, remembered_hash)
        SELECT n.name, n.incarnation, clock_timestamp(), missing_allocations, stray_processes, seen_position, seen_hash
        FROM nodes n
        WHERE n.name = node AND n.incarnation = node_incarnation
        ON CONFLICT (node_name) DO UPDATE
            SET incarnation = EXCLUDED.incarnation, observed_at = EXCLUDED.observed_at, missing = EXCLUDED.missing,
                strays = EXCLUDED.strays, remembered_position = EXCLUDED.remembered_position,
                remembered_hash = EXCLUDED.remembered_hash
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM written)
$$;
COMMENT ON FUNCTION observe_node(text, bigint, bigint[], jsonb, bigint, bytea) IS
    'Keeps what a node''s executor saw; false for an incarnation that is not its newest. / '
    '保存节点执行器所见；若不是最新代次则返回假。';
REVOKE EXECUTE ON FUNCTION observe_node(text, bigint, bigint[], jsonb, bigint, bytea) FROM PUBLIC;

DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '') || '_service';
    report  text := regexp_replace(current_user, '_owner$', '') || '_report';
BEGIN
    EXECUTE format('GRANT SELECT ON node_observations TO %I, %I', service, report);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION observe_node(text, bigint, bigint[], jsonb, bigint, bytea) TO %I', service);
END
$$;
