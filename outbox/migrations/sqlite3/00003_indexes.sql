-- +goose Up
-- What is repeated finds its rows by an index, however large the tables grow.
--
-- In smslink_message, ends takes the place of expires: when a queued message expires
-- (9223372036854775807 = never), or when it ended, if package is below 0. -11 to -14 in package mean
-- what -1 to -4 do, of messages whose receiver, sender and text are erased.
DROP VIEW smslink_outbox;
DROP INDEX smslink_message_queue;
DROP INDEX smslink_message_package;
DROP INDEX smslink_package_open;

UPDATE smslink_message
SET package = package - 10
WHERE package IN (-1, -2, -3, -4) AND body = '';

ALTER TABLE smslink_message ADD COLUMN ends INTEGER NOT NULL DEFAULT 9223372036854775807;

UPDATE smslink_message
SET ends = CASE WHEN package < 0 THEN due ELSE expires END
WHERE package < 0 OR expires IS NOT NULL;

ALTER TABLE smslink_message DROP COLUMN expires;

CREATE INDEX smslink_message_queue ON smslink_message (lane, due, id, ends) WHERE package IS NULL;
CREATE INDEX smslink_message_expiring ON smslink_message (ends)
  WHERE package IS NULL AND ends < 9223372036854775807;
CREATE INDEX smslink_message_package ON smslink_message (package, ends) WHERE package IS NOT NULL;
CREATE INDEX smslink_message_receiver ON smslink_message (receiver) WHERE receiver <> '';
CREATE INDEX smslink_package_open ON smslink_package (state, deadline);
CREATE INDEX smslink_package_began ON smslink_package (began);
INSERT INTO smslink_meta (name, value) VALUES ('erased', '');

CREATE VIEW smslink_outbox AS
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
FROM smslink_message m
LEFT JOIN smslink_package p ON p.id = m.package
LEFT JOIN smslink_result r ON r.message = m.id AND r.package = m.package
LEFT JOIN smslink_report d ON d.remote = r.remote;

-- +goose Down
DROP VIEW smslink_outbox;
DROP INDEX smslink_message_queue;
DROP INDEX smslink_message_expiring;
DROP INDEX smslink_message_package;
DROP INDEX smslink_message_receiver;
DROP INDEX smslink_package_open;
DROP INDEX smslink_package_began;

ALTER TABLE smslink_message ADD COLUMN expires INTEGER;

UPDATE smslink_message
SET due = CASE WHEN package < 0 THEN ends ELSE due END,
  expires = CASE WHEN package > 0 OR package IS NULL THEN NULLIF(ends, 9223372036854775807) END;

ALTER TABLE smslink_message DROP COLUMN ends;

UPDATE smslink_message
SET package = package + 10
WHERE package IN (-11, -12, -13, -14);

CREATE INDEX smslink_message_queue ON smslink_message (lane, due, id) WHERE package IS NULL;
CREATE INDEX smslink_message_package ON smslink_message (package, due) WHERE package IS NOT NULL;
CREATE INDEX smslink_package_open ON smslink_package (state, deadline) WHERE state IN (1, 4, 5);
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
