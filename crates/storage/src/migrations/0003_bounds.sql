-- What one contact can make this device do, bounded.

-- How often I asked for the key of an epoch: I wait longer each time.
ALTER TABLE keys_asked ADD COLUMN times INTEGER NOT NULL DEFAULT 1;

-- How often I answered a request, since when.
CREATE TABLE keys_answered (
    topic    BLOB    NOT NULL CHECK (length(topic) = 32),
    instance BLOB    NOT NULL CHECK (length(instance) = 32),
    log      BLOB    NOT NULL CHECK (length(log) = 32),
    epoch    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    times    INTEGER NOT NULL,
    PRIMARY KEY (topic, instance, log, epoch)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_answered_by_age ON keys_answered (at);

-- A SEALS closes every request for its epoch.
CREATE INDEX key_requests_by_epoch ON key_requests (topic, log, epoch);

-- Of the operations on a message only the last of each kind by each author counts; it is found without reading the others.
DROP INDEX operations_by_target;
CREATE INDEX operations_by_target ON operations (target, conversation, author, action, position);
