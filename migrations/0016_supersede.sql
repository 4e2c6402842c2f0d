-- What another call took out and put in again while a DELETE waited for it is seen by the next statement only.
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
    SELECT * FROM jsonb_populate_recordset(NULL::past_allocations, past_rows) ORDER BY id;
END
$$;
