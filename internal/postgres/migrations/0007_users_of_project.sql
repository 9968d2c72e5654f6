-- The users of a project, page by page. Its condition holds for everybody. It says what only those pages ask for, and so keeps the
-- index from being taken for the lookup of an address: while the server has no statistics of a young table it thinks the two equal,
-- and reads every user of the project at each login.
CREATE INDEX users_of_project ON users (project, id) WHERE id IS NOT NULL;
DROP INDEX users_by_project;
