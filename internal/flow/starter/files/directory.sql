-- The application that the starter company's accounts and groups live in. It
-- stands for one that you have: 'onus init' makes directory.db from this file.
-- Look into it at any time: sqlite3 directory.db 'SELECT * FROM accounts'
CREATE TABLE accounts (
  id           INTEGER PRIMARY KEY AUTOINCREMENT, -- never given to another one
  name         TEXT NOT NULL UNIQUE,
  display_name TEXT,
  mail         TEXT,
  title        TEXT,
  enabled      INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1))
);
CREATE TABLE groups (
  id   INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE
);
CREATE TABLE members (
  account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  grp     INTEGER NOT NULL REFERENCES groups (id),
  PRIMARY KEY (account, grp)
);
CREATE TABLE sessions (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL,
  ended   INTEGER NOT NULL DEFAULT 0
);
INSERT INTO groups (name) VALUES
  ('everyone'), ('executive'), ('engineering'), ('finance'), ('people'), ('it'), ('payments'), ('machines');
-- What somebody left behind: nobody on the roster, and nobody decided that it may be here.
INSERT INTO accounts (name, display_name) VALUES ('t.legacy', 'Theo Legacy');
INSERT INTO members SELECT a.id, g.id FROM accounts a, groups g WHERE a.name = 't.legacy' AND g.name = 'payments';
