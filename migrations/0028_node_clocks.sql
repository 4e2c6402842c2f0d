-- What time it is on each node, and which release its executor is of: operational, not a projection.
-- `conductor doctor` compares them; nothing is decided by them.

CREATE TABLE node_clocks (
    node_name   text        PRIMARY KEY,
    incarnation bigint      NOT NULL,
    told_at     timestamptz NOT NULL,
    node_time   timestamptz NOT NULL,
    release     text        NOT NULL
);

COMMENT ON TABLE node_clocks IS
    'What each node''s own clock said, beside the database''s, and the release of its executor. / '
    '各节点自身时钟所示（与数据库时钟并列），以及其执行器的版本。';
COMMENT ON COLUMN node_clocks.node_name IS 'The node. / 节点。';
COMMENT ON COLUMN node_clocks.incarnation IS 'The incarnation that told it. / 报告者的代次。';
COMMENT ON COLUMN node_clocks.told_at IS
    'When it was received, by the clock of the database. / 收到的时刻（数据库时钟）。';
COMMENT ON COLUMN node_clocks.node_time IS
    'When it was sent, by the clock of the node. / 发出的时刻（节点时钟）。';
COMMENT ON COLUMN node_clocks.release IS 'The release of Conductor that the executor is of. / 执行器的 Conductor 版本。';

-- False when it is not the node's newest incarnation: then nothing is written.
CREATE FUNCTION tell_clock(node text, node_incarnation bigint, sent_at timestamptz, of_release text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH written AS (
        INSERT INTO node_clocks AS c (node_name, incarnation, told_at, node_time, release)
        SELECT n.name, n.incarnation, clock_timestamp(), sent_at, left(of_release, 100)
        FROM nodes n
        WHERE n.name = node AND n.incarnation = node_incarnation
        ON CONFLICT (node_name) DO UPDATE
            SET incarnation = EXCLUDED.incarnation, told_at = EXCLUDED.told_at, node_time = EXCLUDED.node_time,
                release = EXCLUDED.release
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM written)
$$;
COMMENT ON FUNCTION tell_clock(text, bigint, timestamptz, text) IS
    'Keeps what a node''s clock said; false for an incarnation that is not its newest. / '
    '保存节点时钟所示；若不是最新代次则返回假。';
REVOKE EXECUTE ON FUNCTION tell_clock(text, bigint, timestamptz, text) FROM PUBLIC;

DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '') || '_service';
    report  text := regexp_replace(current_user, '_owner$', '') || '_report';
BEGIN
    EXECUTE format('GRANT SELECT ON node_clocks TO %I, %I', service, report);
    EXECUTE format('GRANT EXECUTE ON FUNCTION tell_clock(text, bigint, timestamptz, text) TO %I', service);
END
$$;
