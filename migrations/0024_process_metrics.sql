-- What each process counts of itself, so that one scrape finds all of them: operational, not a projection. Nobody misses
-- it after a crash of the server, so it is not logged.

CREATE UNLOGGED TABLE process_metrics (
    process    text        NOT NULL CHECK (length(process) <= 50),
    node_name  text        NOT NULL CHECK (length(node_name) <= 255),
    pid        bigint      NOT NULL,
    updated_at timestamptz NOT NULL,
    position   bigint      NOT NULL,
    metrics    jsonb       NOT NULL CHECK (jsonb_typeof(metrics) = 'object'),
    PRIMARY KEY (process, node_name, pid)
);

COMMENT ON TABLE process_metrics IS
    'What each process of Conductor counts of itself, every few seconds anew; not a fold of the log. / '
    '各 Conductor 进程的自身计数，每隔数秒更新；不由日志折叠而来。';
COMMENT ON COLUMN process_metrics.process IS 'Its role: api, scheduler, executor. / 角色：api、scheduler、executor。';
COMMENT ON COLUMN process_metrics.node_name IS 'The name of the machine it runs on. / 所在机器的名称。';
COMMENT ON COLUMN process_metrics.pid IS 'Its process number there. / 在该机器上的进程号。';
COMMENT ON COLUMN process_metrics.updated_at IS
    'When it was received, by the clock of the database. / 收到的时刻（数据库时钟）。';
COMMENT ON COLUMN process_metrics.position IS 'The head of the log at that moment. / 当时日志末端的位置。';
COMMENT ON COLUMN process_metrics.metrics IS
    'By metric: pairs of label values and number. / 按指标：标签值与数值的配对。';

-- Whoever has not told of itself for a while has ended.
CREATE FUNCTION publish_metrics(role text, node text, process_id bigint, counted jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM process_metrics WHERE updated_at < clock_timestamp() - interval '1 minute';
    INSERT INTO process_metrics AS m (process, node_name, pid, updated_at, position, metrics)
    VALUES (role, node, process_id, clock_timestamp(), coalesce((SELECT max(position) FROM events), 0), counted)
    ON CONFLICT (process, node_name, pid) DO UPDATE
        SET updated_at = EXCLUDED.updated_at, position = EXCLUDED.position, metrics = EXCLUDED.metrics;
$$;
COMMENT ON FUNCTION publish_metrics(text, text, bigint, jsonb) IS
    'Keeps what a process counts of itself, and forgets those not heard of for a minute. / '
    '保存进程的自身计数，并清除一分钟未上报的进程。';
REVOKE EXECUTE ON FUNCTION publish_metrics(text, text, bigint, jsonb) FROM PUBLIC;

DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '') || '_service';
    report  text := regexp_replace(current_user, '_owner$', '') || '_report';
BEGIN
    EXECUTE format('GRANT SELECT ON process_metrics TO %I, %I', service, report);
    EXECUTE format('GRANT EXECUTE ON FUNCTION publish_metrics(text, text, bigint, jsonb) TO %I', service);
END
$$;
