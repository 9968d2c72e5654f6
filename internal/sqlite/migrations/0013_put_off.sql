-- What makes an index that is missing while an empty store is filled (bulk.go). Whoever opens the store without it runs that.
CREATE TABLE put_off (
	statement TEXT PRIMARY KEY
) WITHOUT ROWID;
