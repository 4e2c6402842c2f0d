-- Which jobs ran under an executor of another make: of those, that no line ran before the log knew the process is the
-- executor's own promise. An executor of ours writes to the log itself, under a channel that no request can name.

CREATE FUNCTION unsupervised(allocation resource_allocations) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.metadata ->> 'channel' NOT LIKE 'executor@%'
    FROM events e
    WHERE e.stream = 'job-' || allocation.job_id AND e.version <= allocation.version
      AND e.type = 'ResourcesAllocated' AND (e.data ->> 'allocation_id')::bigint = allocation.id
    ORDER BY e.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION unsupervised(resource_allocations) IS
    'As in SELECT a.unsupervised FROM resource_allocations a: true when an executor of another make started the process, '
    'so that its word is all there is for what ran when; NULL when nothing was started. / '
    '用法 SELECT a.unsupervised FROM resource_allocations a：进程由其他实现的执行器启动时为 true，此时一切以该执行器所报为准；'
    '未启动过进程时为 NULL。';

CREATE FUNCTION unsupervised(node nodes) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.metadata ->> 'channel' NOT LIKE 'executor@%'
    FROM events e
    WHERE e.stream = 'node-' || node.name AND e.version <= node.version AND e.type = 'NodeRegistered'
    ORDER BY e.version DESC LIMIT 1
$$;
COMMENT ON FUNCTION unsupervised(nodes) IS
    'As in SELECT n.unsupervised FROM nodes n: true when an executor of another make registered the node last. / '
    '用法 SELECT n.unsupervised FROM nodes n：节点最近一次由其他实现的执行器注册时为 true。';

REVOKE EXECUTE ON FUNCTION unsupervised(resource_allocations), unsupervised(nodes) FROM PUBLIC;

DO $$
DECLARE
    name text := regexp_replace(current_user, '_owner$', '');
BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION unsupervised(resource_allocations), unsupervised(nodes) TO %I, %I',
                   name || '_service', name || '_report');
END
$$;
