-- Output on its way from the node that has it to the API that was asked for it: operational, not a projection.
-- Nothing here outlives a minute or a crash of the server, so nothing is written to the WAL.

CREATE UNLOGGED TABLE output_servers (
    node_name text        PRIMARY KEY,
    seen_at   timestamptz NOT NULL
);

CREATE UNLOGGED TABLE output_requests (
    id           uuid             PRIMARY KEY,
    node_name    text             NOT NULL,
    job_id       bigint           NOT NULL,
    attempt      integer          NOT NULL,
    stream       text             NOT NULL CHECK (stream IN ('stdout', 'stderr')),
    first_byte   bigint           CHECK (first_byte >= 0),
    most_bytes   integer          NOT NULL CHECK (most_bytes BETWEEN 0 AND 262144),
    wait_seconds double precision NOT NULL CHECK (wait_seconds BETWEEN 0 AND 60),
    asked_at     timestamptz      NOT NULL
);

CREATE UNLOGGED TABLE output_answers (
    request_id  uuid        PRIMARY KEY,
    first_byte  bigint,
    data        bytea,
    total_bytes bigint,
    missing     text,
    path        text,
    answered_at timestamptz NOT NULL,
    CHECK ((data IS NULL) = (missing IS NOT NULL))
);
-- Compressing what is read once, a moment later, costs more than it saves.
ALTER TABLE output_answers ALTER COLUMN data SET STORAGE EXTERNAL;

-- What nobody fetched, and the room that was used: a large output leaves its whole length behind as dead rows sooner
-- than autovacuum comes. Emptying the table loses answers on their way at most, and their requests, which stay, are
-- answered again.
CREATE FUNCTION forget_outputs() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM output_requests WHERE id IN (
        SELECT id FROM output_requests WHERE asked_at < clock_timestamp() - interval '2 minutes'
        FOR UPDATE SKIP LOCKED);
    DELETE FROM output_answers WHERE request_id IN (
        SELECT request_id FROM output_answers WHERE answered_at < clock_timestamp() - interval '2 minutes'
        FOR UPDATE SKIP LOCKED);
    IF pg_total_relation_size('output_answers') > 128 * 1024 * 1024 THEN
        BEGIN
            LOCK TABLE output_answers IN ACCESS EXCLUSIVE MODE NOWAIT;
            TRUNCATE output_answers;
        EXCEPTION WHEN lock_not_available THEN
            NULL;  -- somebody is writing or fetching an answer; the next request tries again
        END;
    END IF;
END
$$;

-- False when no executor serves the node's outputs now: then there is nothing to wait for.
CREATE FUNCTION ask_for_output(
    request uuid, node text, job bigint, job_attempt integer, output_stream text, "first" bigint, most integer,
    wait_for_seconds double precision, channel text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM forget_outputs();
    INSERT INTO output_requests
    SELECT request, node, job, job_attempt, output_stream, "first", most, wait_for_seconds, clock_timestamp()
    FROM output_servers s
    WHERE s.node_name = node AND s.seen_at > clock_timestamp() - interval '15 seconds';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM pg_notify(channel, '');
    RETURN true;
END
$$;

-- What waits for an answer of this node. Who calls it says that he will answer.
CREATE FUNCTION wanted_outputs(node text) RETURNS SETOF output_requests
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    -- Most looks change nothing here, and then cost no transaction number.
    UPDATE output_servers s SET seen_at = clock_timestamp()
    WHERE s.node_name = node AND s.seen_at < clock_timestamp() - interval '4 seconds';
    IF FOUND THEN
        PERFORM forget_outputs();
    ELSIF NOT EXISTS (SELECT FROM output_servers s WHERE s.node_name = node) THEN
        INSERT INTO output_servers VALUES (node, clock_timestamp()) ON CONFLICT DO NOTHING;
    END IF;
    RETURN QUERY
    SELECT r.* FROM output_requests r
    WHERE r.node_name = node AND NOT EXISTS (SELECT FROM output_answers a WHERE a.request_id = r.id)
    ORDER BY r.asked_at;
END
$$;

-- An answer to a request that is still there; either bytes or why there are none.
CREATE FUNCTION answer_output(
    request uuid, "first" bigint, bytes bytea, total bigint, why_missing text, file_path text, channel text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO output_answers
    SELECT r.id, "first", bytes, total, why_missing, file_path, clock_timestamp()
    FROM output_requests r WHERE r.id = request
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify(channel, '');
    END IF;
END
$$;

-- Answers to these requests, each once; they are gone with the call, and so are the requests that nobody waits for.
CREATE FUNCTION take_outputs(requests uuid[], withdrawn uuid[]) RETURNS SETOF output_answers
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    DELETE FROM output_requests r WHERE r.id = ANY(withdrawn);
    DELETE FROM output_answers a WHERE a.request_id = ANY(withdrawn);
    RETURN QUERY
    WITH taken AS (
        DELETE FROM output_answers a WHERE a.request_id = ANY(requests) RETURNING a.*
    ), settled AS (
        DELETE FROM output_requests r USING taken t WHERE r.id = t.request_id
    )
    SELECT * FROM taken;
END
$$;

REVOKE EXECUTE ON FUNCTION forget_outputs(),
    ask_for_output(uuid, text, bigint, integer, text, bigint, integer, double precision, text),
    wanted_outputs(text), answer_output(uuid, bigint, bytea, bigint, text, text, text), take_outputs(uuid[], uuid[])
    FROM PUBLIC;

DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '') || '_service';
BEGIN
    EXECUTE format('GRANT SELECT ON output_servers, output_requests, output_answers TO %I', service);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION
             ask_for_output(uuid, text, bigint, integer, text, bigint, integer, double precision, text),
             wanted_outputs(text), answer_output(uuid, bigint, bytea, bigint, text, text, text),
             take_outputs(uuid[], uuid[]) TO %I', service);
END
$$;

COMMENT ON TABLE output_servers IS
    'Nodes whose executors answer requests for output. Not a fold of the log; lost in a crash of the server and '
    'filled again within seconds. / '
    '其执行器可应答输出请求的节点。不由日志推导；服务器崩溃后清空，数秒内重新填入。';
COMMENT ON COLUMN output_servers.node_name IS
    'The node. / '
    '节点名称。';
COMMENT ON COLUMN output_servers.seen_at IS
    'When its executor last looked for requests. / '
    '其执行器最近一次查看请求的时刻。';

COMMENT ON TABLE output_requests IS
    'Pieces of output that an API waits for, until they are fetched. Not a fold of the log. / '
    'API 正在等待的输出片段，取走后即删除。不由日志推导。';
COMMENT ON COLUMN output_requests.id IS
    'Random, drawn by who asks. / '
    '由请求方抽取的随机标识。';
COMMENT ON COLUMN output_requests.node_name IS
    'The node that has the file. / '
    '文件所在节点。';
COMMENT ON COLUMN output_requests.job_id IS
    'The job that wrote it. / '
    '写出该文件的作业。';
COMMENT ON COLUMN output_requests.attempt IS
    'The attempt of the job. / '
    '作业的第几次尝试。';
COMMENT ON COLUMN output_requests.stream IS
    'stdout or stderr; the executor finds the file itself, from the job. / '
    'stdout 或 stderr；文件路径由执行器根据作业自行确定。';
COMMENT ON COLUMN output_requests.first_byte IS
    'Where the piece begins; NULL asks for the end of the file. / '
    '片段的起始字节；NULL 表示请求文件末尾。';
COMMENT ON COLUMN output_requests.most_bytes IS
    'How long the piece may be. / '
    '片段的最大长度。';
COMMENT ON COLUMN output_requests.wait_seconds IS
    'How long the executor may hold the request while there is nothing beyond first_byte. / '
    'first_byte 之后尚无内容时，执行器可保留请求的秒数。';
COMMENT ON COLUMN output_requests.asked_at IS
    'When it was asked for; forgotten after two minutes. / '
    '发出请求的时刻；两分钟后删除。';

COMMENT ON TABLE output_answers IS
    'Pieces of output that an API has not fetched yet. Not a fold of the log. / '
    'API 尚未取走的输出片段。不由日志推导。';
COMMENT ON COLUMN output_answers.request_id IS
    'The request that this answers. / '
    '所应答的请求。';
COMMENT ON COLUMN output_answers.first_byte IS
    'Where the piece begins in the file. / '
    '片段在文件中的起始字节。';
COMMENT ON COLUMN output_answers.data IS
    'The bytes; NULL when they cannot be had. / '
    '片段内容；无法取得时为 NULL。';
COMMENT ON COLUMN output_answers.total_bytes IS
    'How long the whole file was. / '
    '当时文件的总长度。';
COMMENT ON COLUMN output_answers.missing IS
    'Why there are no bytes, as a code of the API; NULL when there are. / '
    '无内容的原因（API 的代码）；有内容时为 NULL。';
COMMENT ON COLUMN output_answers.path IS
    'The file, as the node names it. / '
    '节点上的文件路径。';
COMMENT ON COLUMN output_answers.answered_at IS
    'When it was answered; forgotten after two minutes. / '
    '应答的时刻；两分钟后删除。';

COMMENT ON FUNCTION forget_outputs IS
    'Deletes requests and answers that nobody fetched, and gives back the room of those that were; for the '
    'functions beside it alone. / '
    '删除无人取走的请求和应答，并收回已取走者占用的空间；仅供相关函数调用。';
COMMENT ON FUNCTION ask_for_output IS
    'Asks the executor of a node for a piece of output; false when no executor serves it now. / '
    '向节点的执行器请求一段输出；当前无执行器应答时为假。';
COMMENT ON FUNCTION wanted_outputs IS
    'Requests that wait for an answer of this node; whoever calls it says that it will answer. / '
    '等待该节点应答的请求；调用者即表示将予以应答。';
COMMENT ON FUNCTION answer_output IS
    'Answers a request for output, with bytes or with why there are none. / '
    '应答输出请求：给出内容，或给出无内容的原因。';
COMMENT ON FUNCTION take_outputs IS
    'Hands out answers, each once, and forgets them and what was withdrawn. / '
    '交出应答，每个仅一次，随即删除，并删除已撤回的请求。';
