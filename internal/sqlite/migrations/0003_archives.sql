-- How far each archive was taken in (latchkey import).
CREATE TABLE archives (
	name   TEXT NOT NULL,
	kind   TEXT NOT NULL,
	cursor TEXT NOT NULL,
	PRIMARY KEY (name, kind)
) WITHOUT ROWID;
