-- The index of the clips: a cache of what lies in the clips folder, so that listing and eviction need not read files.
-- Rule: the sidecars are the truth. The sums are kept by triggers, so no change of a row can forget them.
-- A row carries a checksum of its values, and the store the sum of all of them: a damaged file that SQLite still reads is
-- found out, and made anew from the sidecars.
-- Times: *_ns and began are nanoseconds; began is on the boot clock of boot_id, began_unix_ns since 1970 UTC.

PRAGMA application_id = 0x63616d64;  -- "camd"
PRAGMA user_version = 2;

CREATE TABLE store (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    uuid TEXT NOT NULL,                     -- names this store for as long as it lives
    newest_id INTEGER NOT NULL,             -- highest clip id ever given out; ids are never used twice
    bytes INTEGER NOT NULL,                 -- MP4s + sidecars + thumbnails + garbage
    clips INTEGER NOT NULL DEFAULT 0,       -- how many rows there are
    crcs INTEGER NOT NULL DEFAULT 0,        -- sum of the clips' crc
    uuid_crc INTEGER NOT NULL DEFAULT 0     -- CRC-32 of uuid
) STRICT;

CREATE TABLE clip (
    id INTEGER PRIMARY KEY,                 -- sequence number: the order of recording, and of eviction
    camera TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    began INTEGER NOT NULL,                 -- ns, boot clock, first picture
    began_unix_ns INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    pre_roll_ns INTEGER NOT NULL,           -- ns before the first event
    size INTEGER NOT NULL,                  -- bytes of the MP4
    beside INTEGER NOT NULL,                -- bytes of sidecar and thumbnail
    sha256 TEXT NOT NULL,                   -- of the MP4, 64 hex digits
    label TEXT NOT NULL,
    events TEXT NOT NULL,                   -- JSON list of event ids
    continues INTEGER,                      -- id of the clip that this one carries on
    cut_short INTEGER NOT NULL,             -- 1: pictures are missing
    starred INTEGER NOT NULL,               -- 1: the owner's, never evicted
    synchronised INTEGER NOT NULL DEFAULT 1, -- 0: the machine did not know the date, began_unix_ns may be wrong
    crc INTEGER NOT NULL DEFAULT 0          -- CRC-32 of the values above
) STRICT;
CREATE INDEX clip_unstarred ON clip (id) WHERE NOT starred;

-- Clips whose files are to be unlinked, or are unlinked but not yet forgotten.
CREATE TABLE garbage (
    id INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL,                 -- MP4 + sidecar + thumbnail
    crc INTEGER NOT NULL DEFAULT 0          -- CRC-32 of id and bytes
) STRICT;

-- Clips whose sidecar is being rewritten: after a crash the row follows the sidecar again.
CREATE TABLE rewriting (
    id INTEGER PRIMARY KEY
) STRICT;

CREATE TRIGGER clip_added AFTER INSERT ON clip BEGIN
    UPDATE store SET bytes = bytes + NEW.size + NEW.beside, newest_id = max(newest_id, NEW.id),
        clips = clips + 1, crcs = crcs + NEW.crc;
END;
CREATE TRIGGER clip_changed AFTER UPDATE ON clip BEGIN
    UPDATE store SET bytes = bytes + NEW.size + NEW.beside - OLD.size - OLD.beside, crcs = crcs + NEW.crc - OLD.crc;
END;
CREATE TRIGGER clip_removed AFTER DELETE ON clip BEGIN
    UPDATE store SET bytes = bytes - OLD.size - OLD.beside, clips = clips - 1, crcs = crcs - OLD.crc;
    DELETE FROM rewriting WHERE id = OLD.id;
END;
CREATE TRIGGER garbage_added AFTER INSERT ON garbage BEGIN
    UPDATE store SET bytes = bytes + NEW.bytes;
END;
CREATE TRIGGER garbage_removed AFTER DELETE ON garbage BEGIN
    UPDATE store SET bytes = bytes - OLD.bytes;
END;
