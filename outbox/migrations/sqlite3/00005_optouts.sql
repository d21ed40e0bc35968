-- +goose Up
-- Numbers that want no more messages. In smslink_message, -5 in package means opted out.
CREATE TABLE smslink_optout (
  number TEXT PRIMARY KEY, -- in the form of E.164, such as +40712345678
  since  INTEGER NOT NULL
);

DROP VIEW smslink_outbox;
CREATE VIEW smslink_outbox AS
SELECT m.id, m.message_key, m.lane,
  CASE
    WHEN m.package IS NULL THEN 'queued'
    WHEN m.package IN (-1, -11) THEN 'cancelled'
    WHEN m.package IN (-2, -12) THEN 'expired'
    WHEN m.package IN (-3, -13) THEN 'invalid'
    WHEN m.package IN (-4, -14) THEN 'abandoned'
    WHEN m.package IN (-5, -15) THEN 'opted out'
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
UPDATE smslink_meta SET value = '5' WHERE name = 'version';

-- +goose Down
DROP VIEW smslink_outbox;
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
UPDATE smslink_message SET package = package + 1 WHERE package IN (-5, -15);
DROP TABLE smslink_optout;
UPDATE smslink_meta SET value = '4' WHERE name = 'version';
