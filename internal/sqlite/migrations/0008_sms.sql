-- How the codes by SMS came back (conversion.go): what was lost and what came back, by project, scope and slot of time.
CREATE TABLE sms_counts (
	project BLOB NOT NULL,
	scope   TEXT NOT NULL,
	at      INTEGER NOT NULL,
	lost    INTEGER NOT NULL,
	back    INTEGER NOT NULL,
	PRIMARY KEY (project, scope, at)
) WITHOUT ROWID;
CREATE INDEX sms_counts_by_time ON sms_counts (at);
-- What came back on a day.
CREATE TABLE sms_days (
	project BLOB NOT NULL,
	scope   TEXT NOT NULL,
	day     INTEGER NOT NULL,
	back    INTEGER NOT NULL,
	PRIMARY KEY (project, scope, day)
) WITHOUT ROWID;
CREATE INDEX sms_days_by_time ON sms_days (day);
-- Breakers that tripped.
CREATE TABLE sms_trips (
	project BLOB NOT NULL,
	scope   TEXT NOT NULL,
	until   INTEGER NOT NULL,
	trips   INTEGER NOT NULL,
	PRIMARY KEY (project, scope)
) WITHOUT ROWID;
CREATE INDEX sms_trips_by_time ON sms_trips (until);
-- Codes that wait for somebody to sign in with their number.
CREATE TABLE sms_pending (
	project BLOB NOT NULL,
	address TEXT NOT NULL,
	at      INTEGER NOT NULL,
	network TEXT NOT NULL,
	country TEXT NOT NULL,
	codes   INTEGER NOT NULL,
	PRIMARY KEY (project, address, at, network)
) WITHOUT ROWID;
CREATE INDEX sms_pending_by_time ON sms_pending (at);
