-- As 0009: what no statement looks into of grants becomes one column.
ALTER TABLE grants RENAME TO loose_grants;
DROP INDEX grants_by_user;
DROP INDEX grants_by_expiry;
DROP INDEX grants_by_session;
CREATE TABLE grants (
	id         BLOB PRIMARY KEY,
	project    BLOB NOT NULL,
	client     INTEGER NOT NULL,
	user       BLOB NOT NULL,
	session    BLOB,
	generation INTEGER NOT NULL,
	rotated    INTEGER NOT NULL,
	expires    INTEGER NOT NULL,
	revoked    INTEGER NOT NULL,
	said       BLOB NOT NULL -- packed
) WITHOUT ROWID;
INSERT INTO grants SELECT id, project, client, user, session, generation, rotated, expires, revoked,
	CAST(
		epoch || ';' || octet_length(channel) || ':' || channel || octet_length(scope) || ':' || scope ||
		octet_length(payload) || ':' || payload || auth_time || ';' || created || ';'
	AS BLOB)
	FROM loose_grants;
DROP TABLE loose_grants;
CREATE INDEX grants_by_user ON grants (user);
CREATE INDEX grants_by_expiry ON grants (expires);
CREATE INDEX grants_by_session ON grants (session) WHERE session IS NOT NULL;
