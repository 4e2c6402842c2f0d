-- Whose log this is: a name of its own for the database, made once. Checkpoints and case files carry it.

CREATE TABLE cluster (
    id      uuid        NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX cluster_is_one ON cluster ((true));
INSERT INTO cluster (id, made_at) VALUES (gen_random_uuid(), clock_timestamp());

CREATE FUNCTION refuse_other_cluster() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the id of a cluster never changes: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              HINT = 'Checkpoints and case files name their cluster by it.';
END
$$;
CREATE TRIGGER cluster_unchanging BEFORE UPDATE OR DELETE OR TRUNCATE ON cluster
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_other_cluster();
ALTER TABLE cluster ENABLE ALWAYS TRIGGER cluster_unchanging;

COMMENT ON TABLE cluster IS
    'One row: the name of this log, carried by every checkpoint and case file; a restored copy keeps it. / '
    '仅一行：本日志的名称，写入每份检查点与案卷文件；恢复出的副本沿用它。';
COMMENT ON COLUMN cluster.id IS 'Random, made once. / 随机生成，仅一次。';
COMMENT ON COLUMN cluster.made_at IS 'When it was made, by the clock of the database. / 生成的时刻（数据库时钟）。';
COMMENT ON FUNCTION refuse_other_cluster() IS
    'Raises: the id of a cluster never changes. / 抛出错误：集群编号永不改变。';

DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '') || '_service';
    report  text := regexp_replace(current_user, '_owner$', '') || '_report';
BEGIN
    EXECUTE format('GRANT SELECT ON cluster TO %I, %I', service, report);
END
$$;
