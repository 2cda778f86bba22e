-- What a host stores, in one SQLCipher file. Times are unix milliseconds by the host's clock; ids are the 16 bytes of
-- a UUIDv7. A test compares this file with a real database, and its text with the migrations.

-- The host itself: one row.
CREATE TABLE host (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    -- The private key (P-256, PKCS#8). Whoever has it is the host.
    key BLOB NOT NULL,
    name TEXT NOT NULL,
    -- Who may register without an invite: 'open' is everyone on the local network.
    registration TEXT NOT NULL CHECK (registration IN ('open', 'invite')),
    created_at INTEGER NOT NULL
) STRICT;

-- Accounts. An id is for good; a name may change.
CREATE TABLE members (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    -- The name in the form by which names are compared (NFKC, lower case).
    folded TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
    -- What they say of themselves.
    status TEXT NOT NULL DEFAULT '',
    -- Nobody signs in as one that is not active; of one that is gone, only what it wrote is left.
    standing TEXT NOT NULL DEFAULT 'active' CHECK (standing IN ('active', 'deactivated', 'banned', 'gone')),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A host has one owner.
CREATE UNIQUE INDEX members_owner ON members (role) WHERE role = 'owner';

-- Password hashes (Argon2id, PHC strings), apart from the members so that no list can carry one.
CREATE TABLE passwords (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    hash TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Signed-in devices.
CREATE TABLE sessions (
    device BLOB NOT NULL PRIMARY KEY CHECK (length(device) = 16),
    member BLOB NOT NULL REFERENCES members (id),
    -- SHA-256 of the token: 256 random bits need no slow hash.
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    -- From which network address it was last heard.
    address TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_member ON sessions (member);

-- Invites. Kept when they are over, so that a late guest hears why.
CREATE TABLE invites (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- SHA-256 of the secret in the link.
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
    uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
    expires_at INTEGER NOT NULL,
    -- Null only for those the host makes for its owner.
    created_by BLOB REFERENCES members (id),
    created_at INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    -- Of a way back in from the machine's own command line: whose account it opens, instead of making one.
    recovers BLOB REFERENCES members (id)
) STRICT, WITHOUT ROWID;

-- Rooms.
CREATE TABLE rooms (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    topic TEXT NOT NULL DEFAULT '',
    visibility TEXT NOT NULL CHECK (visibility IN ('public', 'private', 'direct')),
    -- Whether every new account comes in by itself.
    for_everyone INTEGER NOT NULL DEFAULT 0 CHECK (for_everyone IN (0, 1)),
    -- The number of its newest event.
    head INTEGER NOT NULL DEFAULT 0,
    -- How many messages were posted in it.
    posted INTEGER NOT NULL DEFAULT 0,
    -- How many members it has; the triggers on memberships keep it.
    members INTEGER NOT NULL DEFAULT 0,
    -- Whether those who come in may read the log from the start, or from their own coming in on.
    reading TEXT NOT NULL DEFAULT 'start' CHECK (reading IN ('start', 'join')),
    -- Whether it can only be read.
    archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    -- Direct only: SHA-256 of the sorted ids of those it is between, so that the same few have one room.
    direct_key BLOB UNIQUE CHECK (length(direct_key) = 32),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Those that anyone may find are told apart by their names.
CREATE UNIQUE INDEX rooms_public_name ON rooms (folded) WHERE visibility = 'public';

-- Who is in which room: follows from the events, kept beside them.
CREATE TABLE memberships (
    room BLOB NOT NULL REFERENCES rooms (id),
    member BLOB NOT NULL REFERENCES members (id),
    role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
    -- The number of the event by which they came in.
    since INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (room, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_member ON memberships (member);

-- Counting a room's members at every sign-in would cost more the larger the room is.
CREATE TRIGGER memberships_in AFTER INSERT ON memberships BEGIN
    UPDATE rooms SET members = members + 1 WHERE id = new.room;
END;

CREATE TRIGGER memberships_out AFTER DELETE ON memberships BEGIN
    UPDATE rooms SET members = members - 1 WHERE id = old.room;
END;

-- The log of every room.
CREATE TABLE events (
    room BLOB NOT NULL REFERENCES rooms (id),
    -- 1, 2, 3 … per room, without gaps.
    seq INTEGER NOT NULL,
    -- When the host took it. A label; the order is seq.
    at INTEGER NOT NULL,
    by BLOB NOT NULL REFERENCES members (id),
    -- The message it changes, if it changes one.
    target BLOB CHECK (length(target) = 16),
    -- What was done: the protocol's change as JSON. A message stands here with its newest text, an edit without its
    -- text once another one took its place; what hangs on a message (reactions, pins, thread) is kept beside it.
    change TEXT NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- Administrative acts, only ever added to.
CREATE TABLE audits (
    number INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    -- Null for the operator of the machine.
    by BLOB REFERENCES members (id),
    act TEXT NOT NULL,
    -- To whom or what: a name or an id, never a secret.
    object TEXT NOT NULL DEFAULT ''
) STRICT;

-- Where the host has gone, if it has: at most one row, never part of a restored backup.
CREATE TABLE forwards (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    -- name:port or ip:port, best first, between spaces.
    addresses TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- Messages by their ids. One exists once on the host, for good: a resend finds its first answer here.
CREATE TABLE messages (
    -- Its row in the index.
    n INTEGER PRIMARY KEY,
    -- Given by the sender's device.
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    -- Where it stands in the log.
    room BLOB NOT NULL REFERENCES rooms (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by BLOB NOT NULL REFERENCES members (id),
    -- The message under which its thread began.
    thread BLOB CHECK (length(thread) = 16),
    has_link INTEGER NOT NULL CHECK (has_link IN (0, 1)),
    deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))
) STRICT;

-- What may wait to be read in a room, and in a thread: all that counting has to look at.
CREATE INDEX messages_waiting ON messages (room, seq, by, deleted, thread) WHERE deleted = 0 AND thread IS NULL;

-- Ids of messages of deleted rooms: they are not to be given again.
CREATE TABLE spent_ids (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16)
) STRICT, WITHOUT ROWID;

CREATE INDEX messages_thread ON messages (thread, seq, by, deleted) WHERE thread IS NOT NULL;

-- How many messages stand under one, by its place in the log; newest: the row of the newest, last: its number.
CREATE TABLE threads (
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    replies INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- Who put which emoji under which message; added: the number of the event that did it.
CREATE TABLE reactions (
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    emoji TEXT NOT NULL,
    member BLOB NOT NULL REFERENCES members (id),
    added INTEGER NOT NULL,
    PRIMARY KEY (room, seq, emoji, member)
) STRICT, WITHOUT ROWID;

-- Which messages are pinned.
CREATE TABLE pins (
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- What messages said before they were edited; seq: the number of the event that brought it.
CREATE TABLE revisions (
    message BLOB NOT NULL CHECK (length(message) = 16),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (message, seq)
) STRICT, WITHOUT ROWID;

-- Who is mentioned where; an empty member stands for everyone in the room.
CREATE TABLE mentions (
    member BLOB NOT NULL,
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (member, room, seq)
) STRICT, WITHOUT ROWID;

-- The words of messages, without the messages. What leaves the index leaves no trace in it.
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);

-- Into which rooms an invite leads.
CREATE TABLE invite_rooms (
    invite BLOB NOT NULL REFERENCES invites (id) ON DELETE CASCADE,
    room BLOB NOT NULL REFERENCES rooms (id),
    PRIMARY KEY (invite, room)
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_rooms_room ON invite_rooms (room);

-- Accounts that programs use, by a token instead of a password.
CREATE TABLE bots (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    -- SHA-256 of the token.
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Incoming webhooks: an address that programs post to, for one room.
CREATE TABLE hooks (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- SHA-256 of the secret in the address.
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    room BLOB NOT NULL REFERENCES rooms (id),
    -- As whom it posts.
    member BLOB NOT NULL REFERENCES members (id),
    -- With which the other side signs what it sends (GitHub).
    signing_key TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- For how long rooms keep what is said in them; those without a row keep it for good.
CREATE TABLE retentions (
    room BLOB NOT NULL PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    days INTEGER NOT NULL CHECK (days > 0)
) STRICT, WITHOUT ROWID;

-- How members stand to each other, each for themselves. Nobody sees those of another.
CREATE TABLE relations (
    member BLOB NOT NULL REFERENCES members (id),
    other BLOB NOT NULL REFERENCES members (id),
    kind TEXT NOT NULL CHECK (kind IN ('contact', 'blocked')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (member, kind, other)
) STRICT, WITHOUT ROWID;

CREATE INDEX relations_other ON relations (other);

-- How far members have read; posted: how many messages the room had up to there.
CREATE TABLE marks (
    member BLOB NOT NULL REFERENCES members (id),
    room BLOB NOT NULL REFERENCES rooms (id),
    seq INTEGER NOT NULL,
    posted INTEGER NOT NULL,
    attention TEXT NOT NULL DEFAULT 'all' CHECK (attention IN ('all', 'mentions', 'nothing')),
    PRIMARY KEY (member, room)
) STRICT, WITHOUT ROWID;

CREATE INDEX marks_room ON marks (room, seq);

-- What else is a member's own; number: how many changes of their own they have made.
CREATE TABLE privates (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    number INTEGER NOT NULL DEFAULT 0,
    -- Whether others may see how far they have read.
    receipts INTEGER NOT NULL DEFAULT 1 CHECK (receipts IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Who follows which thread. root: the row of the message under which it began; mark: how far they have read it;
-- followed: 0 once they want it no more, until they answer in it or are mentioned in it again.
CREATE TABLE follows (
    member BLOB NOT NULL REFERENCES members (id),
    root INTEGER NOT NULL,
    room BLOB NOT NULL REFERENCES rooms (id),
    mark INTEGER NOT NULL,
    followed INTEGER NOT NULL CHECK (followed IN (0, 1)),
    PRIMARY KEY (member, root)
) STRICT, WITHOUT ROWID;

-- How far devices have told that they keep a room's log.
CREATE TABLE cursors (
    device BLOB NOT NULL REFERENCES sessions (device) ON DELETE CASCADE,
    room BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (device, room)
) STRICT, WITHOUT ROWID;

-- Outgoing webhooks: where the log of a room is reported to, and how far it has been.
CREATE TABLE reports (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    room BLOB NOT NULL REFERENCES rooms (id),
    url TEXT NOT NULL,
    -- With which each report is signed.
    signing_key TEXT NOT NULL,
    -- The number of the newest event that was taken.
    sent INTEGER NOT NULL,
    -- Tries in a row that came to nothing, since when, why the last one did, and when the next one is.
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since INTEGER NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    retry_at INTEGER NOT NULL DEFAULT 0,
    -- No more tries, until an operator says so.
    given_up INTEGER NOT NULL DEFAULT 0 CHECK (given_up IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The host's account with an authority that gives certificates (RFC 8555).
CREATE TABLE authority_accounts (
    -- The address of its directory.
    directory TEXT NOT NULL PRIMARY KEY,
    -- The account's address and private key, as JSON.
    credentials TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest certificate of an authority for a list of names.
CREATE TABLE certificates (
    directory TEXT NOT NULL,
    -- In their order, between spaces.
    names TEXT NOT NULL,
    -- PEM, from the host's certificate on.
    chain TEXT NOT NULL,
    -- PEM.
    private_key TEXT NOT NULL,
    obtained_at INTEGER NOT NULL,
    PRIMARY KEY (directory, names)
) STRICT, WITHOUT ROWID;

-- Second factors: what codes of an authenticator are made of (TOTP).
CREATE TABLE second_factors (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    secret BLOB NOT NULL CHECK (length(secret) = 20),
    -- Since when a code is asked for; null while no code has shown that the authenticator has the secret.
    since INTEGER,
    -- The newest step whose code was taken: none is taken twice.
    step INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What stands in for an authenticator, each once. SHA-256: 80 random bits need no slow hash.
CREATE TABLE recovery_codes (
    member BLOB NOT NULL REFERENCES members (id),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (member, hash)
) STRICT, WITHOUT ROWID;

-- Pictures of members and rooms, as the host has made them.
CREATE TABLE avatars (
    -- SHA-256 of the picture.
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    -- A PNG or a JPEG.
    image BLOB NOT NULL
) STRICT;

-- Which member shows which picture.
CREATE TABLE member_avatars (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    avatar BLOB NOT NULL REFERENCES avatars (digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_avatars_avatar ON member_avatars (avatar);

-- Which room shows which picture.
CREATE TABLE room_avatars (
    room BLOB NOT NULL PRIMARY KEY REFERENCES rooms (id),
    avatar BLOB NOT NULL REFERENCES avatars (digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX room_avatars_avatar ON room_avatars (avatar);

-- A picture goes with the last one who shows it.
CREATE TRIGGER member_avatars_out AFTER DELETE ON member_avatars BEGIN
    DELETE FROM avatars WHERE digest = old.avatar
        AND NOT EXISTS (SELECT 1 FROM member_avatars WHERE avatar = old.avatar)
        AND NOT EXISTS (SELECT 1 FROM room_avatars WHERE avatar = old.avatar);
END;

CREATE TRIGGER room_avatars_out AFTER DELETE ON room_avatars BEGIN
    DELETE FROM avatars WHERE digest = old.avatar
        AND NOT EXISTS (SELECT 1 FROM member_avatars WHERE avatar = old.avatar)
        AND NOT EXISTS (SELECT 1 FROM room_avatars WHERE avatar = old.avatar);
END;

-- What a member's status has besides its text, where it has something.
CREATE TABLE statuses (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    -- May be empty.
    emoji TEXT NOT NULL,
    -- When all of it is taken back; null if it stays.
    until INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX statuses_until ON statuses (until) WHERE until IS NOT NULL;

-- All messages of a room in their order, for what counts and for deleting the room; it does for those that wait, too.
DROP INDEX messages_waiting;
CREATE INDEX messages_room ON messages (room, seq, by, deleted, thread);
CREATE INDEX mentions_room ON mentions (room);
CREATE INDEX follows_room ON follows (room);
