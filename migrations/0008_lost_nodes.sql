-- A node is declared lost only while its lease is over: the rows of the leases are locked and looked at once more in the
-- call that records it, so that a renewal and the declaration cannot both succeed.

CREATE FUNCTION confirm_lost(names jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    heard_from text;
BEGIN
    PERFORM FROM node_leases
    WHERE node_name IN (SELECT jsonb_array_elements_text(names)) ORDER BY node_name FOR UPDATE;
    SELECT string_agg(node_name, ', ') INTO heard_from FROM node_leases
    WHERE node_name IN (SELECT jsonb_array_elements_text(names)) AND expires_at > clock_timestamp();
    IF heard_from IS NOT NULL THEN
        RAISE EXCEPTION 'heard from again: %', heard_from USING ERRCODE = 'CN409';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION confirm_lost(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION confirm_lost(jsonb) IS
    'Refuses a batch that declares a node lost whose lease lives. / 若某节点的租约仍有效，则拒绝宣布其失联的批次。';

CREATE OR REPLACE FUNCTION write_rows(new_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY[
        'past_allocations', 'released_allocations', 'live_allocations', 'jobs', 'nodes', 'lost_nodes'] LOOP
        CONTINUE WHEN new_rows -> kind IS NULL;
        CASE kind
            WHEN 'past_allocations' THEN PERFORM supersede_allocations(new_rows -> kind);
            WHEN 'released_allocations', 'live_allocations' THEN PERFORM write_allocations(new_rows -> kind);
            WHEN 'jobs' THEN PERFORM write_jobs(new_rows -> kind);
            WHEN 'nodes' THEN PERFORM write_nodes(new_rows -> kind);
            WHEN 'lost_nodes' THEN PERFORM confirm_lost(new_rows -> kind);
        END CASE;
    END LOOP;
END
$$;

-- An executor that was told to stop wants no new work, but its lease must run on: the jobs it leaves behind are trusted
-- for as long, and nobody may call the node lost before.
ALTER TABLE node_leases ADD COLUMN accepting boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN node_leases.accepting IS
    'False once the executor was told to stop: no new jobs come here. / 执行器收到停止指令后为假：不再分配新作业。';

CREATE FUNCTION stop_accepting(node text, node_incarnation bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE node_leases SET accepting = false WHERE node_name = node AND incarnation = node_incarnation
$$;
COMMENT ON FUNCTION stop_accepting(text, bigint) IS
    'No new jobs for this node; its lease runs on. / 该节点不再接收新作业；租约照常计时。';
REVOKE EXECUTE ON FUNCTION stop_accepting(text, bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION renew_lease(
    node text, node_incarnation bigint, lease_seconds double precision, held bigint[]
) RETURNS timestamptz
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO node_leases AS l (node_name, incarnation, renewed_at, expires_at, allocations, accepting)
    SELECT n.name, n.incarnation, clock_timestamp(), clock_timestamp() + make_interval(secs => lease_seconds), held,
           true
    FROM nodes n
    WHERE n.name = node AND n.incarnation = node_incarnation AND n.state IN ('UP', 'DRAINED')
    ON CONFLICT (node_name) DO UPDATE
        SET incarnation = EXCLUDED.incarnation, renewed_at = EXCLUDED.renewed_at,
            expires_at = EXCLUDED.expires_at, allocations = EXCLUDED.allocations, accepting = true
        WHERE l.incarnation < EXCLUDED.incarnation OR l.expires_at > clock_timestamp()
    RETURNING expires_at
$$;

DO $$
BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION stop_accepting(text, bigint) TO %I',
                   regexp_replace(current_user, '_owner$', '') || '_service');
END
$$;
