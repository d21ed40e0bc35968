-- +goose Up
-- The states get the words that the rest of the SDK has. In smslink_package, state 4 is "rejected".
-- What a person resolved as sent counts as accepted. An accepted package is itself in doubt, and
-- waits for a person, if some of its messages are.
-- Each statement can be repeated: see 00001_outbox.sql.

-- The number of a package's messages in doubt, if not all are.
SET @add = (
  SELECT IF(count(*) = 0, 'ALTER TABLE smslink_package ADD COLUMN in_doubt bigint', 'DO 0')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'smslink_package' AND column_name = 'in_doubt'
);
PREPARE addition FROM @add;
EXECUTE addition;
DEALLOCATE PREPARE addition;

UPDATE smslink_result
SET status = 3
WHERE status NOT IN (1, 2, 3, 4, 5)
AND package IN (SELECT id FROM smslink_package WHERE state = 6);

UPDATE smslink_package
SET state = 5,
  in_doubt = (
    SELECT count(*)
    FROM smslink_result r
    WHERE r.package = smslink_package.id AND r.status NOT IN (1, 2, 3, 4, 5)
  )
WHERE state = 2
AND id IN (SELECT package FROM smslink_result WHERE status NOT IN (1, 2, 3, 4, 5));

DELETE FROM smslink_meta WHERE name LIKE 'told %'; -- is "wrote back" now

CREATE OR REPLACE VIEW smslink_outbox AS
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

-- +goose Down
DROP VIEW smslink_outbox;
CREATE VIEW smslink_outbox AS
SELECT m.id, m.message_key, m.lane,
  CASE WHEN m.package IS NULL THEN 'queued' WHEN m.package = -1 THEN 'cancelled' WHEN m.package = -2 THEN 'expired'
    WHEN m.package = -3 THEN 'refused' WHEN m.package = -4 THEN 'abandoned'
    WHEN p.state = 1 THEN 'sending' WHEN p.state = 4 THEN 'held' WHEN r.status IS NOT NULL THEN 'settled' ELSE 'in doubt' END AS state,
  m.attempts, m.due, m.expires, p.token AS package, COALESCE(m.note, p.note) AS note, r.status, r.remote, d.delivered, d.reported
FROM smslink_message m
LEFT JOIN smslink_package p ON p.id = m.package
LEFT JOIN smslink_result r ON r.message = m.id AND r.package = m.package
LEFT JOIN smslink_report d ON d.remote = r.remote;
ALTER TABLE smslink_package DROP COLUMN in_doubt;
