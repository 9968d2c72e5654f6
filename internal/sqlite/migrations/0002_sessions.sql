-- Browsers that stay signed in, devices that wait for their person, what may be used once, and what people say of
-- themselves. What is in the database already gets the defaults of NewProject, and a client that may no more than before.

ALTER TABLE projects ADD COLUMN session_idle INTEGER NOT NULL DEFAULT 604800000000000; -- 7 days
ALTER TABLE projects ADD COLUMN session_life INTEGER NOT NULL DEFAULT 2592000000000000; -- 30 days
ALTER TABLE projects ADD COLUMN look TEXT NOT NULL DEFAULT '{}'; -- JSON

ALTER TABLE clients ADD COLUMN logout_uris TEXT NOT NULL DEFAULT 'null'; -- JSON
ALTER TABLE clients ADD COLUMN public_keys TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN device_login INTEGER NOT NULL DEFAULT 0;

ALTER TABLE users ADD COLUMN person TEXT; -- JSON; NULL for somebody who said nothing

ALTER TABLE codes ADD COLUMN auth_time INTEGER NOT NULL DEFAULT 0;
UPDATE codes SET auth_time = issued;
ALTER TABLE codes ADD COLUMN session BLOB;

ALTER TABLE grants ADD COLUMN session BLOB;
CREATE INDEX grants_by_session ON grants (session) WHERE session IS NOT NULL;

CREATE TABLE sessions (
	id         BLOB PRIMARY KEY,
	project    BLOB NOT NULL,
	user       BLOB NOT NULL,
	epoch      INTEGER NOT NULL,
	channel    TEXT NOT NULL,
	address    TEXT NOT NULL,
	ip         BLOB,
	user_agent TEXT NOT NULL,
	auth_time  INTEGER NOT NULL,
	used       INTEGER NOT NULL,
	expires    INTEGER NOT NULL,
	last       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_expiry ON sessions (expires);

CREATE TABLE device_logins (
	id         BLOB PRIMARY KEY,
	project    BLOB NOT NULL,
	client     INTEGER NOT NULL,
	scope      TEXT NOT NULL,
	user_code  BLOB NOT NULL, -- keyed hash
	ip         BLOB,
	user_agent TEXT NOT NULL,
	state      TEXT NOT NULL,
	user       BLOB, -- NULL until approved
	epoch      INTEGER NOT NULL,
	channel    TEXT NOT NULL,
	auth_time  INTEGER NOT NULL,
	interval   INTEGER NOT NULL,
	polled     INTEGER NOT NULL,
	started    INTEGER NOT NULL,
	expires    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX device_logins_by_user_code ON device_logins (user_code);
CREATE INDEX device_logins_by_expiry ON device_logins (expires);

CREATE TABLE once (
	hash    BLOB PRIMARY KEY,
	expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX once_by_expiry ON once (expires);
