-- Conventions. Times are microseconds since 1970 in UTC, 0 for none; durations are nanoseconds. Ids of long-lived things are
-- uuid, ids of short-lived ones bytea that begins with its time, so that tables grow at their end; NULL for none. Text that
-- comes from outside is bytea in UTF-8 (read it by convert_from(column, 'UTF8')): it may hold anything, a zero byte included,
-- which text refuses with an error. Text that is looked for has the C collation: it is compared as bytes, and no change of the
-- operating system's collations spoils its index. There are no foreign keys: each would cost a login a lookup and a lock, and
-- the verbs that delete say what goes with what. Nothing here needs an extension.
--
-- Migrations expand first and contract later: while nodes are replaced one by one, version N of the program works on the schema
-- of version N+1. So a migration may add a table, an index, or a column that has a default or may be NULL; what is renamed is
-- added under its new name and written twice; and what a version stops using goes with the version after that one.

-- What the database is: one row. schema counts the migrations that it has; last_client is the highest id that a client ever
-- had, so that the id of a deleted one is never given to another, whose tokens would look alike.
CREATE TABLE latchkey (
	one         boolean PRIMARY KEY CHECK (one),
	schema      bigint NOT NULL,
	last_client bigint NOT NULL
);
INSERT INTO latchkey (one, schema, last_client) VALUES (true, 0, 0);

CREATE TABLE projects (
	id           uuid PRIMARY KEY,
	name         text COLLATE "C" NOT NULL,
	locale       text COLLATE "C" NOT NULL,
	algorithm    text COLLATE "C" NOT NULL,
	token_life   bigint NOT NULL,
	access_life  bigint NOT NULL,
	refresh_life bigint NOT NULL,
	code_digits  bigint NOT NULL,
	code_life    bigint NOT NULL,
	code_tries   bigint NOT NULL,
	approval     text COLLATE "C" NOT NULL,
	logo         text COLLATE "C" NOT NULL,
	color        text COLLATE "C" NOT NULL,
	session_idle bigint NOT NULL,
	session_life bigint NOT NULL,
	created      bigint NOT NULL,
	lists        bytea NOT NULL, -- JSON: URLs, origins, channels
	look         bytea NOT NULL  -- JSON
);

CREATE TABLE clients (
	id            bigint PRIMARY KEY,
	project       uuid NOT NULL,
	name          text COLLATE "C" NOT NULL,
	kind          text COLLATE "C" NOT NULL,
	secret_hash   bytea,
	redirect_uris bytea NOT NULL, -- JSON
	pkce_required boolean NOT NULL,
	logout_uris   bytea NOT NULL, -- JSON
	public_keys   bytea NOT NULL, -- JSON; empty: none
	device_login  boolean NOT NULL,
	third_party   boolean NOT NULL
);
CREATE INDEX clients_by_project ON clients (project, id);

CREATE TABLE keys (
	id        text COLLATE "C" PRIMARY KEY,
	project   uuid NOT NULL,
	algorithm text COLLATE "C" NOT NULL,
	state     text COLLATE "C" NOT NULL,
	sealed    bytea,
	public    bytea,
	created   bigint NOT NULL,
	activated bigint NOT NULL,
	retires   bigint NOT NULL
);
CREATE INDEX keys_by_project ON keys (project, created);

CREATE TABLE users (
	id            uuid PRIMARY KEY,
	project       uuid NOT NULL,
	email         text COLLATE "C", -- proven; NULL without one
	phone         text COLLATE "C", -- proven; NULL without one
	contact_phone text COLLATE "C",
	registered    bigint NOT NULL,
	last_login    bigint NOT NULL,
	ban_from      bigint NOT NULL,
	ban_until     bigint NOT NULL,
	ban_reason    bytea NOT NULL,
	epoch         bigint NOT NULL,
	person        bytea -- JSON; NULL for somebody who said nothing
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX users_by_email ON users (project, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX users_by_phone ON users (project, phone) WHERE phone IS NOT NULL;
CREATE INDEX users_by_project ON users (project, id);

-- Nearly every challenge is changed once, by its answer: the room on its page keeps that from touching the indexes.
CREATE TABLE challenges (
	id             bytea PRIMARY KEY,
	project        uuid NOT NULL,
	channel        text COLLATE "C" NOT NULL,
	address        text COLLATE "C" NOT NULL,
	protocol       text COLLATE "C" NOT NULL,
	client         bigint NOT NULL,
	redirect       bytea NOT NULL,
	state_echo     bytea NOT NULL,
	scope          bytea NOT NULL,
	payload        bytea NOT NULL,
	nonce          bytea NOT NULL,
	code_challenge bytea NOT NULL,
	with_logout    boolean NOT NULL,
	locale         bytea NOT NULL,
	ip             bytea,
	user_agent     bytea NOT NULL,
	state          text COLLATE "C" NOT NULL,
	digits         bigint NOT NULL,
	link           boolean NOT NULL,
	number         boolean NOT NULL,
	link_url       bytea NOT NULL,
	link_hash      bytea,
	tries          bigint NOT NULL,
	max_tries      bigint NOT NULL,
	resends        bigint NOT NULL,
	started        bigint NOT NULL,
	expires        bigint NOT NULL
) WITH (fillfactor = 60);
CREATE INDEX challenges_by_link ON challenges (link_hash) WHERE link_hash IS NOT NULL;
CREATE INDEX challenges_by_expiry ON challenges (expires);

-- Wrong answers in a row at an address, from anywhere and from each network. A completed login deletes both. Whoever changes
-- the second locks the first before.
CREATE TABLE guesses (
	project uuid NOT NULL,
	channel text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL,
	total   bigint NOT NULL,
	PRIMARY KEY (project, channel, address)
);
CREATE TABLE guess_networks (
	project  uuid NOT NULL,
	channel  text COLLATE "C" NOT NULL,
	address  text COLLATE "C" NOT NULL,
	network  text COLLATE "C" NOT NULL,
	tries    bigint NOT NULL,
	next_try bigint NOT NULL,
	PRIMARY KEY (project, channel, address, network)
);

CREATE TABLE codes (
	id             bytea PRIMARY KEY,
	project        uuid NOT NULL,
	client         bigint NOT NULL,
	user_id        uuid NOT NULL,
	epoch          bigint NOT NULL,
	channel        text COLLATE "C" NOT NULL,
	redirect       bytea NOT NULL,
	scope          bytea NOT NULL,
	payload        bytea NOT NULL,
	nonce          bytea NOT NULL,
	code_challenge bytea NOT NULL,
	session        bytea,
	auth_time      bigint NOT NULL,
	issued         bigint NOT NULL,
	expires        bigint NOT NULL,
	grant_id       bytea -- NULL while unspent
) WITH (fillfactor = 60);
CREATE INDEX codes_by_user ON codes (user_id);
CREATE INDEX codes_by_expiry ON codes (expires);

CREATE TABLE grants (
	id         bytea PRIMARY KEY,
	project    uuid NOT NULL,
	client     bigint NOT NULL,
	user_id    uuid NOT NULL,
	epoch      bigint NOT NULL,
	channel    text COLLATE "C" NOT NULL,
	scope      bytea NOT NULL,
	payload    bytea NOT NULL,
	session    bytea,
	generation bigint NOT NULL,
	auth_time  bigint NOT NULL,
	created    bigint NOT NULL,
	rotated    bigint NOT NULL,
	expires    bigint NOT NULL,
	revoked    bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX grants_by_user ON grants (user_id);
CREATE INDEX grants_by_session ON grants (session) WHERE session IS NOT NULL;
CREATE INDEX grants_by_expiry ON grants (expires);

CREATE TABLE sessions (
	id         bytea PRIMARY KEY,
	project    uuid NOT NULL,
	user_id    uuid NOT NULL,
	epoch      bigint NOT NULL,
	channel    text COLLATE "C" NOT NULL,
	address    text COLLATE "C" NOT NULL,
	ip         bytea,
	user_agent bytea NOT NULL,
	auth_time  bigint NOT NULL,
	used       bigint NOT NULL,
	expires    bigint NOT NULL,
	last       bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires);

CREATE TABLE device_logins (
	id            bytea PRIMARY KEY,
	project       uuid NOT NULL,
	client        bigint NOT NULL,
	scope         bytea NOT NULL,
	user_code     bytea NOT NULL, -- keyed hash
	ip            bytea,
	user_agent    bytea NOT NULL,
	state         text COLLATE "C" NOT NULL,
	user_id       uuid, -- NULL until approved
	epoch         bigint NOT NULL,
	channel       text COLLATE "C" NOT NULL,
	auth_time     bigint NOT NULL,
	poll_interval bigint NOT NULL,
	polled        bigint NOT NULL,
	started       bigint NOT NULL,
	expires       bigint NOT NULL
) WITH (fillfactor = 60);
CREATE UNIQUE INDEX device_logins_by_user_code ON device_logins (user_code);
CREATE INDEX device_logins_by_expiry ON device_logins (expires);

CREATE TABLE once (
	hash    bytea PRIMARY KEY,
	expires bigint NOT NULL
);
CREATE INDEX once_by_expiry ON once (expires);

CREATE TABLE outbox (
	challenge  bytea NOT NULL,
	resend     bigint NOT NULL,
	project    uuid NOT NULL,
	channel    text COLLATE "C" NOT NULL,
	address    text COLLATE "C" NOT NULL,
	locale     bytea NOT NULL,
	digits     bigint NOT NULL,
	link       boolean NOT NULL,
	link_first boolean NOT NULL,
	attempts   bigint NOT NULL,
	next_try   bigint NOT NULL,
	dies       bigint NOT NULL,
	PRIMARY KEY (challenge, resend)
);
CREATE INDEX outbox_by_next_try ON outbox (next_try, challenge, resend);

-- Append-only. One index serves both the list of a project and the sweep.
CREATE TABLE events (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at         bigint NOT NULL,
	kind       text COLLATE "C" NOT NULL,
	project    uuid NOT NULL,
	client     bigint NOT NULL,
	user_id    uuid,
	challenge  bytea,
	grant_id   bytea,
	address    bytea NOT NULL, -- masked
	ip         bytea,
	user_agent bytea NOT NULL,
	detail     bytea NOT NULL
);
CREATE INDEX events_by_project ON events (project, at, id);

-- How far each archive was taken in (latchkey import).
CREATE TABLE archives (
	name   text COLLATE "C" NOT NULL,
	kind   text COLLATE "C" NOT NULL,
	cursor text COLLATE "C" NOT NULL,
	PRIMARY KEY (name, kind)
);
