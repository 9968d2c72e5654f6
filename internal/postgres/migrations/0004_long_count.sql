-- The long count of guesses at an address, which a login does not clear (guess.go): when all of it is there again. A row that only
-- it keeps goes then.
ALTER TABLE guesses ADD COLUMN whole bigint NOT NULL DEFAULT 0;
CREATE INDEX guesses_by_whole ON guesses (whole) WHERE total = 0;
