-- Conventions. Times are microseconds since 1970 in UTC, 0 for none; durations are nanoseconds. Ids are blobs, NULL for
-- none. Ids of short-lived rows begin with their time, so that tables keyed by them grow at their end. There are no
-- foreign keys: each would cost a login a lookup, and the verbs that delete say what goes with what.

CREATE TABLE projects (
	id            BLOB PRIMARY KEY,
	name          TEXT NOT NULL,
	locale        TEXT NOT NULL,
	algorithm     TEXT NOT NULL,
	token_life    INTEGER NOT NULL,
	access_life   INTEGER NOT NULL,
	refresh_life  INTEGER NOT NULL,
	code_digits   INTEGER NOT NULL,
	code_life     INTEGER NOT NULL,
	code_tries    INTEGER NOT NULL,
	approval      TEXT NOT NULL,
	logo          TEXT NOT NULL,
	color         TEXT NOT NULL,
	created       INTEGER NOT NULL,
	lists         TEXT NOT NULL -- JSON: URLs, origins, channels
) WITHOUT ROWID;

-- AUTOINCREMENT: the id of a deleted client is never given to another, whose tokens would look alike.
CREATE TABLE clients (
	id            INTEGER PRIMARY KEY AUTOINCREMENT,
	project       BLOB NOT NULL,
	name          TEXT NOT NULL,
	kind          TEXT NOT NULL,
	secret_hash   BLOB,
	redirect_uris TEXT NOT NULL, -- JSON
	pkce_required INTEGER NOT NULL
);
CREATE INDEX clients_by_project ON clients (project);

CREATE TABLE keys (
	id        TEXT PRIMARY KEY,
	project   BLOB NOT NULL,
	algorithm TEXT NOT NULL,
	state     TEXT NOT NULL,
	sealed    BLOB,
	public    BLOB,
	created   INTEGER NOT NULL,
	activated INTEGER NOT NULL,
	retires   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX keys_by_project ON keys (project, created);

CREATE TABLE users (
	id            BLOB PRIMARY KEY,
	project       BLOB NOT NULL,
	email         TEXT, -- proven; NULL without one
	phone         TEXT, -- proven; NULL without one
	contact_phone TEXT,
	registered    INTEGER NOT NULL,
	last_login    INTEGER NOT NULL,
	ban_from      INTEGER NOT NULL,
	ban_until     INTEGER NOT NULL,
	ban_reason    TEXT NOT NULL,
	epoch         INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX users_by_email ON users (project, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX users_by_phone ON users (project, phone) WHERE phone IS NOT NULL;
CREATE INDEX users_by_project ON users (project);

CREATE TABLE challenges (
	id             BLOB PRIMARY KEY,
	project        BLOB NOT NULL,
	channel        TEXT NOT NULL,
	address        TEXT NOT NULL,
	protocol       TEXT NOT NULL,
	client         INTEGER NOT NULL,
	redirect       TEXT NOT NULL,
	state_echo     TEXT NOT NULL,
	scope          TEXT NOT NULL,
	payload        TEXT NOT NULL,
	nonce          TEXT NOT NULL,
	code_challenge TEXT NOT NULL,
	with_logout    INTEGER NOT NULL,
	locale         TEXT NOT NULL,
	ip             BLOB,
	user_agent     TEXT NOT NULL,
	state          TEXT NOT NULL,
	digits         INTEGER NOT NULL,
	link           INTEGER NOT NULL,
	number         INTEGER NOT NULL,
	link_url       TEXT NOT NULL,
	link_hash      BLOB,
	tries          INTEGER NOT NULL,
	max_tries      INTEGER NOT NULL,
	resends        INTEGER NOT NULL,
	started        INTEGER NOT NULL,
	expires        INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX challenges_by_link ON challenges (link_hash) WHERE link_hash IS NOT NULL;
CREATE INDEX challenges_by_expiry ON challenges (expires);

-- Wrong answers in a row at an address, from anywhere and from each network. A completed login deletes both.
CREATE TABLE guesses (
	project BLOB NOT NULL,
	channel TEXT NOT NULL,
	address TEXT NOT NULL,
	total   INTEGER NOT NULL,
	PRIMARY KEY (project, channel, address)
) WITHOUT ROWID;
CREATE TABLE guess_networks (
	project  BLOB NOT NULL,
	channel  TEXT NOT NULL,
	address  TEXT NOT NULL,
	network  TEXT NOT NULL,
	tries    INTEGER NOT NULL,
	next_try INTEGER NOT NULL,
	PRIMARY KEY (project, channel, address, network)
) WITHOUT ROWID;

CREATE TABLE codes (
	id             BLOB PRIMARY KEY,
	project        BLOB NOT NULL,
	client         INTEGER NOT NULL,
	user           BLOB NOT NULL,
	epoch          INTEGER NOT NULL,
	channel        TEXT NOT NULL,
	redirect       TEXT NOT NULL,
	scope          TEXT NOT NULL,
	payload        TEXT NOT NULL,
	nonce          TEXT NOT NULL,
	code_challenge TEXT NOT NULL,
	issued         INTEGER NOT NULL,
	expires        INTEGER NOT NULL,
	grant_id       BLOB -- NULL while unspent
) WITHOUT ROWID;
CREATE INDEX codes_by_user ON codes (user);
CREATE INDEX codes_by_expiry ON codes (expires);

CREATE TABLE grants (
	id         BLOB PRIMARY KEY,
	project    BLOB NOT NULL,
	client     INTEGER NOT NULL,
	user       BLOB NOT NULL,
	epoch      INTEGER NOT NULL,
	channel    TEXT NOT NULL,
	scope      TEXT NOT NULL,
	payload    TEXT NOT NULL,
	generation INTEGER NOT NULL,
	auth_time  INTEGER NOT NULL,
	created    INTEGER NOT NULL,
	rotated    INTEGER NOT NULL,
	expires    INTEGER NOT NULL,
	revoked    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX grants_by_user ON grants (user);
CREATE INDEX grants_by_expiry ON grants (expires);

CREATE TABLE outbox (
	challenge  BLOB NOT NULL,
	resend     INTEGER NOT NULL,
	project    BLOB NOT NULL,
	channel    TEXT NOT NULL,
	address    TEXT NOT NULL,
	locale     TEXT NOT NULL,
	digits     INTEGER NOT NULL,
	link       INTEGER NOT NULL,
	link_first INTEGER NOT NULL,
	attempts   INTEGER NOT NULL,
	next_try   INTEGER NOT NULL,
	dies       INTEGER NOT NULL,
	PRIMARY KEY (challenge, resend)
) WITHOUT ROWID;
CREATE INDEX outbox_by_next_try ON outbox (next_try);

-- Append-only. One index serves both the list of a project and the sweep.
CREATE TABLE events (
	id         INTEGER PRIMARY KEY,
	at         INTEGER NOT NULL,
	kind       TEXT NOT NULL,
	project    BLOB NOT NULL,
	client     INTEGER NOT NULL,
	user       BLOB,
	challenge  BLOB,
	grant_id   BLOB,
	address    TEXT NOT NULL,
	ip         BLOB,
	user_agent TEXT NOT NULL,
	detail     TEXT NOT NULL
);
CREATE INDEX events_by_project ON events (project, at);
