-- As 0009: what no statement looks into of authorization codes and messages becomes one column.
ALTER TABLE codes RENAME TO loose_codes;
DROP INDEX codes_by_user;
DROP INDEX codes_by_expiry;
CREATE TABLE codes (
	id       BLOB PRIMARY KEY,
	project  BLOB NOT NULL,
	client   INTEGER NOT NULL,
	user     BLOB NOT NULL,
	expires  INTEGER NOT NULL,
	grant_id BLOB, -- NULL while unspent
	said     BLOB NOT NULL -- packed
) WITHOUT ROWID;
INSERT INTO codes SELECT id, project, client, user, expires, grant_id,
	CAST(
		epoch || ';' || octet_length(channel) || ':' || channel || octet_length(redirect) || ':' || redirect ||
		octet_length(scope) || ':' || scope || octet_length(payload) || ':' || payload || octet_length(nonce) || ':' || nonce ||
		octet_length(code_challenge) || ':' || code_challenge ||
		coalesce(octet_length(session) || ':' || CAST(session AS TEXT), '0:') || auth_time || ';' || issued || ';'
	AS BLOB)
	FROM loose_codes;
DROP TABLE loose_codes;
CREATE INDEX codes_by_user ON codes (user);
CREATE INDEX codes_by_expiry ON codes (expires);

ALTER TABLE outbox RENAME TO loose_outbox;
DROP INDEX outbox_by_next_try;
CREATE TABLE outbox (
	challenge BLOB NOT NULL,
	resend    INTEGER NOT NULL,
	project   BLOB NOT NULL,
	attempts  INTEGER NOT NULL,
	next_try  INTEGER NOT NULL,
	dies      INTEGER NOT NULL,
	said      BLOB NOT NULL, -- packed
	PRIMARY KEY (challenge, resend)
) WITHOUT ROWID;
INSERT INTO outbox SELECT challenge, resend, project, attempts, next_try, dies,
	CAST(
		octet_length(kind) || ':' || kind || octet_length(channel) || ':' || channel || octet_length(address) || ':' || address ||
		octet_length(locale) || ':' || locale || digits || ';' || link || ';' || link_first || ';'
	AS BLOB)
	FROM loose_outbox;
DROP TABLE loose_outbox;
CREATE INDEX outbox_by_next_try ON outbox (next_try);
