-- What a message is for, if it brings no code (message.go); the networks of a user's last logins, three bytes each (user.go).
ALTER TABLE outbox ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN networks bytea;
