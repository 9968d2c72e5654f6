-- What no statement looks into becomes one column (pack.go): texts as "length:bytes", numbers as "digits;". A state is its
-- number in stmt.go.
ALTER TABLE challenges RENAME TO loose_challenges;
DROP INDEX challenges_by_link;
DROP INDEX challenges_by_expiry;
CREATE TABLE challenges (
	id        BLOB PRIMARY KEY,
	project   BLOB NOT NULL,
	state     INTEGER NOT NULL,
	tries     INTEGER NOT NULL,
	expires   INTEGER NOT NULL,
	link_hash BLOB,
	said      BLOB NOT NULL -- packed
) WITHOUT ROWID;
INSERT INTO challenges SELECT id, project,
	CASE state WHEN 'waiting' THEN 2 WHEN 'approved' THEN 3 WHEN 'denied' THEN 4 ELSE 5 END, tries, expires, link_hash,
	CAST(
		octet_length(channel) || ':' || channel || octet_length(address) || ':' || address ||
		octet_length(protocol) || ':' || protocol || client || ';' ||
		octet_length(redirect) || ':' || redirect || octet_length(state_echo) || ':' || state_echo ||
		octet_length(scope) || ':' || scope || octet_length(payload) || ':' || payload ||
		octet_length(nonce) || ':' || nonce || octet_length(code_challenge) || ':' || code_challenge ||
		with_logout || ';' || octet_length(locale) || ':' || locale ||
		coalesce(octet_length(ip) || ':' || CAST(ip AS TEXT), '0:') || octet_length(user_agent) || ':' || user_agent ||
		digits || ';' || link || ';' || number || ';' || octet_length(link_url) || ':' || link_url ||
		max_tries || ';' || resends || ';' || started || ';'
	AS BLOB)
	FROM loose_challenges;
DROP TABLE loose_challenges;
CREATE INDEX challenges_by_link ON challenges (link_hash) WHERE link_hash IS NOT NULL;
CREATE INDEX challenges_by_expiry ON challenges (expires);

-- The events of one commit and project share a row: the newest in columns as before, the others in more (event.go).
ALTER TABLE events ADD COLUMN more BLOB;
