-- The service may read everything and write nothing but through the functions; a report may read what is public.
-- Roles are named after the database; the owner, who runs this, is `<name>_owner`.

DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '') || '_service';
    report  text := regexp_replace(current_user, '_owner$', '') || '_report';
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I, %I', service, report);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA public TO %I', service);
    EXECUTE format('REVOKE ALL ON log_door FROM %I', service);
    EXECUTE format('GRANT USAGE ON SEQUENCE job_ids, allocation_ids, cpu_blocks TO %I', service);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION script(jobs), take_leadership(text, double precision), give_up_leadership(text),
             renew_lease(text, bigint, double precision, bigint[]),
             commit_batch(timestamptz, jsonb, jsonb, jsonb, jsonb, text[]) TO %I', service);
    EXECUTE format(
        'GRANT SELECT ON events, jobs, resource_allocations, past_allocations, allocation_history, nodes,
             process_history, usage, node_leases, scheduler_lease TO %I', report);
END
$$;
