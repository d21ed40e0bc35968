-- +goose Up
-- Times are microseconds since 1970 of the database's clock.
CREATE TABLE smslink_message (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- the local message id
  message_key TEXT   NOT NULL UNIQUE,
  lane        TEXT   NOT NULL,
  receiver    TEXT   NOT NULL, -- this and the next two are '' once erased
  sender      TEXT   NOT NULL,
  body        TEXT   NOT NULL,
  send_at     INTEGER NOT NULL, -- Unix seconds, 0 = now
  due         INTEGER NOT NULL, -- when it ended, if package is below 0
  expires     INTEGER,
  package     INTEGER,          -- NULL queued, -1 cancelled, -2 expired, -3 refused, -4 abandoned, else its last package
  attempts    INTEGER NOT NULL DEFAULT 0,
  enqueued    INTEGER NOT NULL,
  trace       TEXT,            -- what the enqueuer's tracer said, such as a traceparent
  note        TEXT             -- why it was refused
);
CREATE INDEX smslink_message_queue ON smslink_message (lane, due, id) WHERE package IS NULL;
CREATE INDEX smslink_message_package ON smslink_message (package, due) WHERE package IS NOT NULL;

-- A package is the right to upload its messages once.
CREATE TABLE smslink_package (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- may come again after a fail-over
  token       TEXT   NOT NULL UNIQUE,                              -- never comes again
  worker      TEXT   NOT NULL,
  lane        TEXT   NOT NULL,
  state       INTEGER NOT NULL, -- 1 sending, 2 accepted, 3 not sent, 4 held, 5 in doubt, 6 resolved
  messages    INTEGER NOT NULL,
  digest      TEXT,            -- MD5 of the plain form; NULL once erased
  began       INTEGER NOT NULL,
  deadline    INTEGER NOT NULL,
  ended       INTEGER,          -- when its worker or a person recorded how it ended
  erased      INTEGER NOT NULL DEFAULT 0,
  remote      TEXT,            -- the gateway's id of the package
  note        TEXT,            -- why it was not accepted
  resolved_by TEXT,
  reason      TEXT
);
CREATE INDEX smslink_package_open ON smslink_package (state, deadline) WHERE state IN (1, 4, 5);
CREATE INDEX smslink_package_ended ON smslink_package (erased, ended);

CREATE TABLE smslink_result ( -- of every attempt that the gateway accepted
  message INTEGER NOT NULL,
  package INTEGER NOT NULL,
  status  INTEGER NOT NULL, -- the gateway's, 0 = unreported
  remote  TEXT,
  PRIMARY KEY (message, package)
);
CREATE INDEX smslink_result_package ON smslink_result (package);
CREATE INDEX smslink_result_remote ON smslink_result (remote) WHERE remote IS NOT NULL;

CREATE TABLE smslink_report ( -- joined when read, so that it may come before its result
  remote    TEXT   PRIMARY KEY,
  delivered INTEGER NOT NULL, -- 1 delivered, 0 not
  reported  INTEGER NOT NULL, -- Unix seconds, as the report says
  came      INTEGER NOT NULL
);
CREATE INDEX smslink_report_came ON smslink_report (came);

CREATE TABLE smslink_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO smslink_meta (name, value) VALUES ('paused', ''), ('epoch', ''), ('resumed', '');

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

-- +goose Down
DROP VIEW smslink_outbox;
DROP TABLE smslink_message;
DROP TABLE smslink_package;
DROP TABLE smslink_result;
DROP TABLE smslink_report;
DROP TABLE smslink_meta;
