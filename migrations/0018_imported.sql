-- Allocations of the original system: it counted CPUs and numbered none, and did not always give them back. Such a row
-- holds nothing; a live one still names every CPU that it counts.

ALTER TABLE resource_allocations
    DROP CONSTRAINT resource_allocations_cpus_match,
    ADD CONSTRAINT resource_allocations_cpus_match CHECK (
        allocated_cpus = cardinality(cpu_ids) OR (status = 'released' AND cardinality(cpu_ids) = 0));
ALTER TABLE past_allocations
    DROP CONSTRAINT resource_allocations_cpus_match,
    ADD CONSTRAINT resource_allocations_cpus_match CHECK (
        allocated_cpus = cardinality(cpu_ids) OR (status = 'released' AND cardinality(cpu_ids) = 0));

-- One that is history already may still be closed.
CREATE OR REPLACE FUNCTION supersede_allocations(past_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    superseded bigint[] := ARRAY(SELECT id FROM jsonb_populate_recordset(NULL::past_allocations, past_rows) ORDER BY id);
BEGIN
    LOOP
        DELETE FROM resource_allocations WHERE id = ANY(superseded);
        EXIT WHEN NOT EXISTS (SELECT FROM resource_allocations WHERE id = ANY(superseded));
    END LOOP;
    INSERT INTO past_allocations
    SELECT * FROM jsonb_populate_recordset(NULL::past_allocations, past_rows) ORDER BY id
    ON CONFLICT (id) DO UPDATE SET release_reason = EXCLUDED.release_reason, version = EXCLUDED.version;
END
$$;

-- What was never given back has no reason; the audit looks for those alone.
CREATE INDEX resource_allocations_never_given_back ON resource_allocations (id)
    WHERE status = 'released' AND release_reason IS NULL;
CREATE INDEX past_allocations_never_given_back ON past_allocations (id)
    WHERE status = 'released' AND release_reason IS NULL;

COMMENT ON COLUMN resource_allocations.allocated_cpus IS
    'How many CPUs: the length of cpu_ids, or what the original system counted when the job was imported from it. / '
    'CPU 数，即 cpu_ids 的长度；从原系统导入的作业则为其所计的数目。';
COMMENT ON COLUMN resource_allocations.cpu_ids IS
    'Which CPUs of the node, ascending, in the numbers of the node; empty when imported from the original system. / '
    '节点上的 CPU 编号，升序；从原系统导入时为空。';
COMMENT ON COLUMN resource_allocations.boot_id IS
    'Boot of the node in which the PID was given; NULL like process_id, and when imported from the original system. / '
    '该进程号所属的节点启动标识；与 process_id 同时为 NULL，从原系统导入时也为 NULL。';
COMMENT ON COLUMN resource_allocations.release_reason IS
    'finished, cancelled, timed_out, expired, launch_failed, node_lost, out_of_memory or repaired; NULL before release, '
    'and on a released row when the original system never gave the CPUs back. / '
    'finished、cancelled、timed_out、expired、launch_failed、node_lost、out_of_memory 或 repaired；释放之前为 NULL；'
    '若原系统从未归还 CPU，则已释放的行也为 NULL。';
