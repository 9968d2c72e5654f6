-- How often things happened (limiter.go). It may be lost at any time, and is after a crash: then everything is counted from
-- nothing. So it is not logged, and a commit that writes nothing else waits for no disk.
--
-- id is the hash of what is counted. full_at is when all of it is there again, and asked what full_at was when it was asked
-- last, or that moment if it was whole: a row that only ever holds its latest full_at could not say why it refused. Only
-- columns without an index change, so that rows are written again in their own page.
CREATE UNLOGGED TABLE limits (
	id      uuid PRIMARY KEY,
	full_at bigint NOT NULL,
	asked   bigint NOT NULL
) WITH (fillfactor = 50);
