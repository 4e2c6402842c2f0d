-- The position of a time: where the log stood then.

-- Positions have no gaps, so the primary key can be searched by halves: some thirty look-ups however long the log is.
-- The answer is always a boundary: recorded by then, and the next one not. Should a clock have run backwards there are
-- several; which one is found does not change as the log grows.
CREATE FUNCTION position_at(moment timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    head  bigint := coalesce((SELECT max(e.position) FROM events e), 0);
    step  bigint := 1;
    found bigint := 0;
BEGIN
    WHILE step <= head / 2 LOOP
        step := step * 2;
    END LOOP;
    WHILE step > 0 LOOP
        IF found + step <= head
           AND (SELECT e.recorded_at <= moment FROM events e WHERE e.position = found + step) THEN
            found := found + step;
        END IF;
        step := step / 2;
    END LOOP;
    RETURN found;
END
$$;
COMMENT ON FUNCTION position_at(timestamptz) IS
    'Position of the last event recorded at or before a time; 0 before the first one. / '
    '某一时刻或之前最后记录的事件位置；首个事件之前为 0。';
REVOKE EXECUTE ON FUNCTION position_at(timestamptz) FROM PUBLIC;

DO $$
DECLARE
    name text := regexp_replace(current_user, '_owner$', '');
BEGIN
    EXECUTE format('GRANT EXECUTE ON FUNCTION position_at(timestamptz) TO %I, %I', name || '_service', name || '_report');
END
$$;
