-- The jobs that have ended so far, counted once every batch counts its own: calls that had begun before 0025 was there may
-- still run as it was before, so they are waited for. (A transaction that holds nothing of ours is not waited for long.)

DO $$
DECLARE
    running text[] := ARRAY(SELECT virtualtransaction FROM pg_locks WHERE locktype = 'virtualxid' AND pid <> pg_backend_pid());
    until   timestamptz := clock_timestamp() + interval '3 seconds';
BEGIN
    WHILE clock_timestamp() < until AND EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'virtualxid' AND virtualtransaction = ANY(running)) LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END
$$;

SELECT recount_ended();
