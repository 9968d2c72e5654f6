-- Codes are swept in the order of their ids (sweep.go).
DROP INDEX codes_by_expiry;
