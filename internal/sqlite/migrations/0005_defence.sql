-- What a project does about robots, floods and fraud (defence.go).
ALTER TABLE projects ADD COLUMN defence TEXT NOT NULL DEFAULT '{"captcha":"suspicious","sms":{"breaker":"enforce","budget":20}}'; -- JSON
