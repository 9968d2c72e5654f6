-- How the codes by SMS came back (conversion.go): what was lost and what came back, by project, scope and slot of time.
CREATE TABLE sms_counts (
	project uuid NOT NULL,
	scope   text COLLATE "C" NOT NULL,
	at      bigint NOT NULL,
	lost    bigint NOT NULL,
	back    bigint NOT NULL,
	PRIMARY KEY (project, scope, at)
);
CREATE INDEX sms_counts_by_time ON sms_counts (at);
-- What came back on a day.
CREATE TABLE sms_days (
	project uuid NOT NULL,
	scope   text COLLATE "C" NOT NULL,
	day     bigint NOT NULL,
	back    bigint NOT NULL,
	PRIMARY KEY (project, scope, day)
);
CREATE INDEX sms_days_by_time ON sms_days (day);
-- Breakers that tripped.
CREATE TABLE sms_trips (
	project uuid NOT NULL,
	scope   text COLLATE "C" NOT NULL,
	until   bigint NOT NULL,
	trips   bigint NOT NULL,
	PRIMARY KEY (project, scope)
);
CREATE INDEX sms_trips_by_time ON sms_trips (until);
-- Codes that wait for somebody to sign in with their number.
CREATE TABLE sms_pending (
	project uuid NOT NULL,
	address text COLLATE "C" NOT NULL,
	at      bigint NOT NULL,
	network text COLLATE "C" NOT NULL,
	country text COLLATE "C" NOT NULL,
	codes   bigint NOT NULL,
	PRIMARY KEY (project, address, at, network)
);
CREATE INDEX sms_pending_by_time ON sms_pending (at);
