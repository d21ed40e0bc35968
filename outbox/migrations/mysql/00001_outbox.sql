-- +goose Up
-- Times are microseconds since 1970 of the database's clock. MySQL commits each statement on its
-- own, so each can be repeated.
CREATE TABLE IF NOT EXISTS smslink_message (
  id          bigint AUTO_INCREMENT PRIMARY KEY, -- the local message id
  message_key varchar(100) NOT NULL UNIQUE,
  lane        varchar(32) NOT NULL,
  receiver    varchar(64) NOT NULL, -- this and the next two are '' once erased
  sender      varchar(64) NOT NULL,
  body        mediumtext NOT NULL,
  send_at     bigint NOT NULL, -- Unix seconds, 0 = now
  due         bigint NOT NULL, -- when it ended, if package is below 0
  expires     bigint,
  package     bigint,          -- NULL queued, -1 cancelled, -2 expired, -3 refused, -4 abandoned, else its last package
  attempts    bigint NOT NULL DEFAULT 0,
  enqueued    bigint NOT NULL,
  trace       varchar(64),     -- what the enqueuer's tracer said, such as a traceparent
  note        text,            -- why it was refused
  KEY smslink_message_queue (package, lane, due, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A package is the right to upload its messages once.
CREATE TABLE IF NOT EXISTS smslink_package (
  id          bigint AUTO_INCREMENT PRIMARY KEY, -- may come again after a fail-over
  token       varchar(100) NOT NULL UNIQUE,                           -- never comes again
  worker      varchar(100) NOT NULL,
  lane        varchar(32) NOT NULL,
  state       bigint NOT NULL, -- 1 sending, 2 accepted, 3 not sent, 4 held, 5 in doubt, 6 resolved
  messages    bigint NOT NULL,
  digest      char(32),            -- MD5 of the plain form; NULL once erased
  began       bigint NOT NULL,
  deadline    bigint NOT NULL,
  ended       bigint,          -- when its worker or a person recorded how it ended
  erased      bigint NOT NULL DEFAULT 0,
  remote      varchar(128),            -- the gateway's id of the package
  note        text,            -- why it was not accepted
  resolved_by text,
  reason      text,
  KEY smslink_package_open (state, deadline),
  KEY smslink_package_ended (erased, ended)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS smslink_result ( -- of every attempt that the gateway accepted
  message bigint NOT NULL,
  package bigint NOT NULL,
  status  bigint NOT NULL, -- the gateway's, 0 = unreported
  remote  varchar(128),
  PRIMARY KEY (message, package),
  KEY smslink_result_package (package),
  KEY smslink_result_remote (remote)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS smslink_report ( -- joined when read, so that it may come before its result
  remote    varchar(128) PRIMARY KEY,
  delivered bigint NOT NULL, -- 1 delivered, 0 not
  reported  bigint NOT NULL, -- Unix seconds, as the report says
  came      bigint NOT NULL,
  KEY smslink_report_came (came)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS smslink_meta (name varchar(100) PRIMARY KEY, value text NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT IGNORE INTO smslink_meta (name, value) VALUES ('paused', ''), ('epoch', ''), ('resumed', '');

CREATE OR REPLACE VIEW smslink_outbox AS
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
