-- Rooms in which messages that are held may have become something else by events after this number: a sync of them is
-- under way, or has left a hole that changed more than it said.
CREATE TABLE unsure (
    host INTEGER NOT NULL REFERENCES hosts (n) ON DELETE CASCADE,
    room BLOB NOT NULL,
    after INTEGER NOT NULL,
    PRIMARY KEY (host, room)
) STRICT, WITHOUT ROWID;
