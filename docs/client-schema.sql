-- What an installation keeps, inside its encrypted vault. Ids are 16-byte UUIDs, times milliseconds since 1970.

-- The hosts this installation has joined. The id is the SHA-256 of the host's key: the pin. The member is who we are
-- there, the device what this installation is called there; hosted: this installation runs it.
CREATE TABLE hosts (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    name TEXT NOT NULL,
    device TEXT NOT NULL,
    hosted INTEGER NOT NULL,
    member BLOB NOT NULL,
    member_name TEXT NOT NULL,
    member_role TEXT NOT NULL
) STRICT;

-- Where a host was reached, best first.
CREATE TABLE addresses (
    host INTEGER NOT NULL REFERENCES hosts (n) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (host, address)
) STRICT, WITHOUT ROWID;

-- Session tokens, only where the profile has no keyring.
CREATE TABLE sessions (
    host INTEGER PRIMARY KEY REFERENCES hosts (n) ON DELETE CASCADE,
    token TEXT NOT NULL
) STRICT;

-- The members of a host, for their names.
CREATE TABLE members (
    host INTEGER NOT NULL REFERENCES hosts (n) ON DELETE CASCADE,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    -- Those that are not active are no longer listed; what they wrote keeps its name.
    standing TEXT NOT NULL,
    PRIMARY KEY (host, id)
) STRICT, WITHOUT ROWID;

-- The rooms I am in, or was (joined = 0).
CREATE TABLE rooms (
    host INTEGER NOT NULL REFERENCES hosts (n) ON DELETE CASCADE,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    visibility TEXT NOT NULL,
    head INTEGER NOT NULL,
    members INTEGER NOT NULL,
    joined INTEGER NOT NULL,
    PRIMARY KEY (host, id)
) STRICT, WITHOUT ROWID;

-- The log, as far as it is held. The change is the protocol's JSON; message is empty for what is no message, target
-- for what changes none. A message stands as it was at the number as_of; held changes after that are added on reading.
CREATE TABLE events (
    host INTEGER NOT NULL REFERENCES hosts (n) ON DELETE CASCADE,
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by BLOB NOT NULL,
    message BLOB NOT NULL DEFAULT x'',
    target BLOB NOT NULL DEFAULT x'',
    as_of INTEGER NOT NULL,
    change TEXT NOT NULL,
    PRIMARY KEY (host, room, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_message ON events (host, message) WHERE message <> x'';

CREATE INDEX events_target ON events (host, target, seq) WHERE target <> x'';

-- What waits in each room, as the host counted it when the newest number was head, and as it came since. Without a row,
-- the host has not yet said.
CREATE TABLE progress (
    host INTEGER NOT NULL REFERENCES hosts (n) ON DELETE CASCADE,
    room BLOB NOT NULL,
    mark INTEGER NOT NULL,
    marked INTEGER NOT NULL,
    attention TEXT NOT NULL,
    unread INTEGER NOT NULL,
    mentions INTEGER NOT NULL,
    head INTEGER NOT NULL,
    PRIMARY KEY (host, room)
) STRICT, WITHOUT ROWID;

-- Which stretches of each log are held; what lies between two of them is a hole.
CREATE TABLE coverage (
    host INTEGER NOT NULL REFERENCES hosts (n) ON DELETE CASCADE,
    room BLOB NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (host, room, first)
) STRICT, WITHOUT ROWID;

-- What is still to be delivered, in this order per room. A failed code marks a refusal for good.
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    host INTEGER NOT NULL REFERENCES hosts (n) ON DELETE CASCADE,
    room BLOB NOT NULL,
    message BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL,
    queued_at INTEGER NOT NULL,
    failed_code TEXT NOT NULL DEFAULT '',
    failed_message TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX outbox_host ON outbox (host, room, position);

-- Small things of the installation itself, by name.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Rooms in which messages that are held may have become something else by events after this number: a sync of them is
-- under way, or has left a hole that changed more than it said.
CREATE TABLE unsure (
    host INTEGER NOT NULL REFERENCES hosts (n) ON DELETE CASCADE,
    room BLOB NOT NULL,
    after INTEGER NOT NULL,
    PRIMARY KEY (host, room)
) STRICT, WITHOUT ROWID;
