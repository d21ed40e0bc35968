-- +goose Up
-- What a person said of a package is kept, and so is what its worker records later. Each statement
-- can be repeated: see 00001_outbox.sql.

-- 1 sent, 2 not sent, 3 abandon; how the upload ended, as recorded after the verdict.
SET @add = (
  SELECT IF(count(*) = 0, 'ALTER TABLE smslink_package ADD COLUMN verdict bigint, ADD COLUMN late text', 'DO 0')
  FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'smslink_package' AND column_name = 'verdict'
);
PREPARE addition FROM @add;
EXECUTE addition;
DEALLOCATE PREPARE addition;

-- Run compares this with what it needs.
INSERT IGNORE INTO smslink_meta (name, value) VALUES ('version', '4');

-- +goose Down
DELETE FROM smslink_meta WHERE name = 'version';
ALTER TABLE smslink_package DROP COLUMN late, DROP COLUMN verdict;
