-- What jobs may ask for besides CPUs: arrays, named nodes, labels, whole nodes, generic resources.

ALTER TABLE jobs
    ADD COLUMN array_spec text,
    ADD COLUMN nodelist   text[]  NOT NULL DEFAULT '{}',
    ADD COLUMN labels     jsonb   NOT NULL DEFAULT '{}',
    ADD COLUMN exclusive  boolean NOT NULL DEFAULT false,
    ADD COLUMN gres       jsonb   NOT NULL DEFAULT '{}';
ALTER TABLE resource_allocations ADD COLUMN gres jsonb NOT NULL DEFAULT '{}';
ALTER TABLE past_allocations     ADD COLUMN gres jsonb NOT NULL DEFAULT '{}';
ALTER TABLE nodes
    ADD COLUMN gres jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN numa jsonb NOT NULL DEFAULT '{}';

CREATE INDEX jobs_by_array ON jobs (array_job_id, array_task_id) WHERE array_job_id IS NOT NULL;

COMMENT ON COLUMN jobs.array_spec IS
    'The whole array of this task, as it was asked for (0-99:2%10); NULL for a job of its own. / '
    '本任务所属的整个作业数组，按提交时的写法（0-99:2%10）；单独的作业为 NULL。';
COMMENT ON COLUMN jobs.nodelist IS
    'The nodes it may run on; empty: any. / 允许运行的节点；空表示任意节点。';
COMMENT ON COLUMN jobs.labels IS
    'Labels that its node must carry. / 其节点必须具有的标签。';
COMMENT ON COLUMN jobs.exclusive IS
    'It gets every CPU of its node, and nobody beside it. / 独占节点的全部 CPU。';
COMMENT ON COLUMN jobs.gres IS
    'Generic resources it asks for: how many of each name. / 所需的通用资源：名称与数量。';
COMMENT ON COLUMN resource_allocations.gres IS
    'Which generic resources of the node it holds: numbers from 0, by name. / 持有节点的哪些通用资源：按名称，编号从 0 起。';
COMMENT ON COLUMN past_allocations.gres IS
    'Which generic resources of the node it held: numbers from 0, by name. / 曾持有节点的哪些通用资源：按名称，编号从 0 起。';
COMMENT ON COLUMN nodes.gres IS
    'Generic resources of the node: how many of each name. / 节点的通用资源：名称与数量。';
COMMENT ON COLUMN nodes.numa IS
    'Its CPU numbers by NUMA node; empty when not known. / 按 NUMA 节点划分的 CPU 编号；未知时为空。';

-- The node's own columns that a new registration may change.
CREATE OR REPLACE FUNCTION write_nodes(new_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO nodes
    SELECT * FROM jsonb_populate_recordset(NULL::nodes, new_rows) ORDER BY name
    ON CONFLICT (name) DO UPDATE SET
        state = EXCLUDED.state, reason = EXCLUDED.reason, total_cpus = EXCLUDED.total_cpus,
        cpu_ids = EXCLUDED.cpu_ids, memory_mb = EXCLUDED.memory_mb, labels = EXCLUDED.labels,
        gres = EXCLUDED.gres, numa = EXCLUDED.numa,
        incarnation = EXCLUDED.incarnation, boot_id = EXCLUDED.boot_id, spool_id = EXCLUDED.spool_id,
        cpu_block = EXCLUDED.cpu_block, registered_at = EXCLUDED.registered_at, version = EXCLUDED.version;
END
$$;

-- Views keep the columns that they were made with.
CREATE OR REPLACE VIEW allocation_history AS
    SELECT * FROM resource_allocations
    UNION ALL
    SELECT * FROM past_allocations;
COMMENT ON COLUMN allocation_history.gres IS
    'Which generic resources of the node it held: numbers from 0, by name. / 持有过节点的哪些通用资源：按名称，编号从 0 起。';
