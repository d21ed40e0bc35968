-- +goose Up
-- What is repeated finds its rows by an index, however large the tables grow.
--
-- In smslink_message, ends takes the place of expires: when a queued message expires
-- (9223372036854775807 = never), or when it ended, if package is below 0. -11 to -14 in package mean
-- what -1 to -4 do, of messages whose receiver, sender and text are erased.
-- Each statement can be repeated: see 00001_outbox.sql.

UPDATE smslink_message
SET package = package - 10
WHERE package IN (-1, -2, -3, -4) AND body = '';

SET @filling = (
  SELECT IF(count(*) = 0, 'DO 0',
    'UPDATE smslink_message SET expires = CASE WHEN package < 0 THEN due ELSE COALESCE(expires, 9223372036854775807) END WHERE package < 0 OR expires IS NULL')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'smslink_message' AND column_name = 'expires'
);
PREPARE filling FROM @filling;
EXECUTE filling;
DEALLOCATE PREPARE filling;

SET @renaming = (
  SELECT IF(count(*) = 0, 'DO 0',
    'ALTER TABLE smslink_message CHANGE expires ends bigint NOT NULL DEFAULT 9223372036854775807, DROP KEY smslink_message_queue, ADD KEY smslink_message_queue (package, lane, due, id, ends), ADD KEY smslink_message_package (package, ends), ADD KEY smslink_message_receiver (receiver)')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'smslink_message' AND column_name = 'expires'
);
PREPARE renaming FROM @renaming;
EXECUTE renaming;
DEALLOCATE PREPARE renaming;

SET @addition = (
  SELECT IF(count(*) = 0, 'ALTER TABLE smslink_package ADD KEY smslink_package_began (began)', 'DO 0')
  FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'smslink_package' AND index_name = 'smslink_package_began'
);
PREPARE addition FROM @addition;
EXECUTE addition;
DEALLOCATE PREPARE addition;

INSERT IGNORE INTO smslink_meta (name, value) VALUES ('erased', '');

-- The hints are for tables that have grown since their statistics were made.
CREATE OR REPLACE VIEW smslink_outbox AS
SELECT m.id, m.message_key, m.lane,
  CASE
    WHEN m.package IS NULL THEN 'queued'
    WHEN m.package IN (-1, -11) THEN 'cancelled'
    WHEN m.package IN (-2, -12) THEN 'expired'
    WHEN m.package IN (-3, -13) THEN 'invalid'
    WHEN m.package IN (-4, -14) THEN 'abandoned'
    WHEN r.status = 3 THEN 'accepted'
    WHEN r.status IN (1, 2, 4, 5) THEN 'failed'
    WHEN p.state = 1 THEN 'sending'
    WHEN p.state = 4 THEN 'rejected'
    ELSE 'in doubt'
  END AS state,
  m.attempts, m.due,
  CASE WHEN m.package IS NULL OR m.package > 0 THEN NULLIF(m.ends, 9223372036854775807) END AS expires,
  p.token AS package, COALESCE(m.note, p.note) AS note,
  r.status, r.remote, d.delivered, d.reported
FROM smslink_message m FORCE INDEX (
  PRIMARY, message_key, smslink_message_queue, smslink_message_package, smslink_message_receiver
)
LEFT JOIN smslink_package p FORCE INDEX (PRIMARY) ON p.id = m.package
LEFT JOIN smslink_result r FORCE INDEX (PRIMARY, smslink_result_remote) ON r.message = m.id AND r.package = m.package
LEFT JOIN smslink_report d FORCE INDEX (PRIMARY) ON d.remote = r.remote;

-- +goose Down
DROP VIEW smslink_outbox;
ALTER TABLE smslink_message
  CHANGE ends expires bigint,
  DROP KEY smslink_message_queue,
  ADD KEY smslink_message_queue (package, lane, due, id),
  DROP KEY smslink_message_package,
  DROP KEY smslink_message_receiver;
ALTER TABLE smslink_package DROP KEY smslink_package_began;

UPDATE smslink_message
SET due = CASE WHEN package < 0 THEN expires ELSE due END;

UPDATE smslink_message
SET expires = CASE WHEN package > 0 OR package IS NULL THEN NULLIF(expires, 9223372036854775807) END;

UPDATE smslink_message
SET package = package + 10
WHERE package IN (-11, -12, -13, -14);

DELETE FROM smslink_meta WHERE name = 'erased';

CREATE VIEW smslink_outbox AS
SELECT m.id, m.message_key, m.lane,
  CASE
    WHEN m.package IS NULL THEN 'queued'
    WHEN m.package = -1 THEN 'cancelled'
    WHEN m.package = -2 THEN 'expired'
    WHEN m.package = -3 THEN 'invalid'
    WHEN m.package = -4 THEN 'abandoned'
    WHEN r.status = 3 THEN 'accepted'
    WHEN r.status IN (1, 2, 4, 5) THEN 'failed'
    WHEN p.state = 1 THEN 'sending'
    WHEN p.state = 4 THEN 'rejected'
    ELSE 'in doubt'
  END AS state,
  m.attempts, m.due, m.expires, p.token AS package, COALESCE(m.note, p.note) AS note,
  r.status, r.remote, d.delivered, d.reported
FROM smslink_message m
LEFT JOIN smslink_package p ON p.id = m.package
LEFT JOIN smslink_result r ON r.message = m.id AND r.package = m.package
LEFT JOIN smslink_report d ON d.remote = r.remote;
