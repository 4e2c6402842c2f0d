-- What metadata says of causes, and processes found by when they lived.

COMMENT ON COLUMN events.metadata IS
    'Who and why: actor, channel, correlation (the request it goes back to), causation (the event that caused it, as '
    'stream@version; left out when the request did), request_id (the request that reported it, if another), command_id, '
    'command_index, command_digest. / '
    '来源：actor（操作者）、channel（途径）、correlation（追溯到的请求）、causation（直接起因事件，写作 stream@version；'
    '由请求直接引起时没有）、request_id（若由另一请求上报，即该请求）、command_id、command_index、command_digest。';

-- Rows lie about in the order of their time, so a summary of each range of pages is enough, and costs writers nothing
-- to speak of, where a tree would have to be kept up at every start and every end.
CREATE INDEX resource_allocations_by_time ON resource_allocations
    USING brin (allocation_time, release_time) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX past_allocations_by_time ON past_allocations
    USING brin (allocation_time, release_time) WITH (pages_per_range = 16, autosummarize = on);
