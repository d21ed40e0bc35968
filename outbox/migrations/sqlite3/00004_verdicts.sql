-- +goose Up
-- What a person said of a package is kept, and so is what its worker records later.
ALTER TABLE smslink_package ADD COLUMN verdict INTEGER; -- 1 sent, 2 not sent, 3 abandon
ALTER TABLE smslink_package ADD COLUMN late TEXT; -- how the upload ended, as recorded after the verdict

-- Run compares this with what it needs.
INSERT INTO smslink_meta (name, value) VALUES ('version', '4');

-- +goose Down
DELETE FROM smslink_meta WHERE name = 'version';
ALTER TABLE smslink_package DROP COLUMN late;
ALTER TABLE smslink_package DROP COLUMN verdict;
