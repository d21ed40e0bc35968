package outbox

import (
	"database/sql"
	"strconv"
	"strings"
)

// altered is what a database's error says if it would store a text other than the one given. A
// text is compared by its numbers of bytes and of characters.
const altered = "a text would be altered"

// Dialect is the SQL of one database: [Postgres], [MySQL], [MariaDB] or [SQLite].
// The driver is the caller's.
type Dialect struct {
	name string // as goose and the folder under migrations have it

	now           string // microseconds since 1970 of the database's clock, in UTC
	begin         string // the first statement of each of our transactions
	prepare       string // the first statement of ours in a transaction of the caller's, or empty
	truncateLog   string // a query of whether the log is in use, and two numbers; or empty
	state         string // now, the epoch, and the settings that may lose a commit or alter a text, or empty texts
	session       string // the connection's setting that would break a promise in silence, or an empty text
	enqueue       string // from one JSON parameter
	take          string // an UPDATE of messages: what to set, a condition, and a JSON parameter of ids
	takeKeys      string // the same with keys
	takeReceivers string // the same with receivers
	optOut        string // inserts opt-outs, from a JSON parameter of numbers
	optIn         string // deletes them
	drop          string // deletes messages, from a JSON parameter of ids
	joinKeys      string // joins a table x of one column k, from a JSON parameter, with what follows
	results       string // a table x of m, s and r, from a JSON parameter
	report        string // inserts a delivery report, or updates an earlier one
	queueIndex    string // a hint
	receiverIndex string // a hint
	skipLocked    string
	ignore        string // ends an INSERT of a row that may be there already
	isolation     sql.IsolationLevel
	messages      int // of a bulk package, by default
}

// sql numbers the parameters of a statement if the database wants that.
func (d *Dialect) sql(statement string) string {
	if d.name != "postgres" {
		return statement
	}
	pieces := strings.Split(statement, "?")
	var b strings.Builder
	for i, piece := range pieces {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(piece)
	}
	return b.String()
}

// Postgres is PostgreSQL 14 or later, also behind PgBouncer in transaction mode.
var Postgres = postgres()

func postgres() *Dialect {
	const (
		now   = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
		texts = "json_array_elements_text(CAST(CAST(? AS text) AS json))"
		rows  = "json_to_recordset(CAST(CAST(? AS text) AS json))"
	)
	return &Dialect{
		name: "postgres",
		now:  now,
		// A claim must be durable. A transaction of ours waits for no other for long, is not broken
		// off by a short statement_timeout of the role, and does not hold its locks for long if its
		// worker is frozen.
		begin: `
			SELECT set_config('synchronous_commit', 'on', true),
				set_config('lock_timeout', '5s', true),
				set_config('statement_timeout', '30s', true),
				set_config('idle_in_transaction_session_timeout', '30s', true)`,
		state: now + `,
			(SELECT system_identifier::text FROM pg_control_system())
				|| ' ' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
				|| ' ' || 'smslink_message'::regclass::oid::text,
			CASE WHEN current_setting('fsync') = 'off' THEN 'fsync = off' ELSE '' END,
			CASE WHEN current_setting('client_encoding') <> 'UTF8' AND current_setting('server_encoding') <> 'SQL_ASCII'
				THEN 'a client_encoding other than UTF8'
				ELSE '' END`,
		enqueue: `
			INSERT INTO smslink_message
				(message_key, lane, receiver, sender, body, send_at, due, ends, enqueued, trace)
			SELECT k, l, t, f,
				CASE WHEN octet_length(convert_to(t || f || b, 'UTF8')) = z AND length(t || f || b) = y THEN b
					ELSE CAST(CAST('` + altered + `' || left(b, 0) AS bigint) AS text) END,
				s, greatest(n, now), CASE WHEN e > 0 THEN now + e ELSE 9223372036854775807 END, now, c
			FROM ` + rows + `
				AS x(k text, l text, t text, f text, b text, s bigint, n bigint, e bigint, c text, z bigint, y bigint),
				(SELECT ` + now + ` AS now) AS clock
			ORDER BY k COLLATE "C"
			ON CONFLICT (message_key) DO NOTHING`,
		take: `
			UPDATE smslink_message
			SET %s
			WHERE %s AND id = ANY(ARRAY(SELECT value::bigint FROM ` + texts + `))`,
		takeKeys: `
			UPDATE smslink_message
			SET %s
			WHERE %s AND message_key = ANY(ARRAY(SELECT ` + texts + `))`,
		takeReceivers: `
			UPDATE smslink_message
			SET %s
			WHERE %s AND receiver <> '' AND receiver = ANY(ARRAY(SELECT ` + texts + `))`,
		optOut: `
			INSERT INTO smslink_optout (number, since)
			SELECT k, ` + now + `
			FROM ` + texts + ` AS x(k)
			ORDER BY k
			ON CONFLICT (number) DO NOTHING`,
		optIn:    "DELETE FROM smslink_optout WHERE number = ANY(ARRAY(SELECT " + texts + "))",
		drop:     "DELETE FROM smslink_message WHERE id = ANY(ARRAY(SELECT value::bigint FROM " + texts + "))",
		joinKeys: texts + " AS x(k) JOIN",
		results:  rows + " AS x(m bigint, s bigint, r text)",
		report: `
			INSERT INTO smslink_report (remote, delivered, reported, came)
			SELECT CAST(? AS text), CAST(? AS bigint), CAST(? AS bigint), ` + now + `
			ON CONFLICT (remote) DO UPDATE
			SET delivered = excluded.delivered, reported = excluded.reported
			WHERE excluded.reported >= smslink_report.reported`,
		skipLocked: " FOR UPDATE SKIP LOCKED",
		ignore:     " ON CONFLICT DO NOTHING",
		isolation:  sql.LevelReadCommitted,
		messages:   10_000,
	}
}

// SQLite is SQLite 3.42 or later, shared by any number of processes of one machine. Open it in
// WAL mode and with a busy timeout.
var SQLite = sqlite()

func sqlite() *Dialect {
	const (
		now = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
		// Otherwise what is erased or moved stays in pages that are free.
		wipe = "PRAGMA secure_delete = ON"
	)
	return &Dialect{
		name: "sqlite3",
		now:  now,
		// The last takes the write lock before anything is read.
		begin:       wipe + "; UPDATE smslink_meta SET value = value WHERE name = 'paused'",
		prepare:     wipe,
		truncateLog: "PRAGMA wal_checkpoint(TRUNCATE)",
		state: now + `,
			'sqlite',
			CASE WHEN (SELECT synchronous FROM pragma_synchronous) < 2
				THEN 'PRAGMA synchronous below FULL' ELSE '' END,
			''`,
		enqueue: `
			INSERT INTO smslink_message
				(message_key, lane, receiver, sender, body, send_at, due, ends, enqueued, trace)
			SELECT k, l, t, f,
				CASE WHEN length(CAST(t || f || b AS BLOB)) = z AND length(t || f || b) = y THEN b
					ELSE json_extract('{}', '` + altered + `') END,
				s, max(n, now), CASE WHEN e > 0 THEN now + e ELSE 9223372036854775807 END, now, c
			FROM (
				SELECT value->>'k' AS k, value->>'l' AS l, value->>'t' AS t, value->>'f' AS f, value->>'b' AS b,
					value->>'s' AS s, value->>'n' AS n, value->>'e' AS e, value->>'c' AS c,
					value->>'z' AS z, value->>'y' AS y
				FROM json_each(?)
			) AS x, (SELECT ` + now + ` AS now) AS clock
			WHERE true
			ORDER BY k
			ON CONFLICT (message_key) DO NOTHING`,
		take: `
			UPDATE smslink_message
			SET %s
			WHERE %s AND id IN (SELECT value FROM json_each(?))`,
		takeKeys: `
			UPDATE smslink_message
			SET %s
			WHERE %s AND message_key IN (SELECT value FROM json_each(?))`,
		takeReceivers: `
			UPDATE smslink_message INDEXED BY smslink_message_receiver
			SET %s
			WHERE %s AND receiver <> '' AND receiver IN (SELECT value FROM json_each(?))`,
		optOut: `
			INSERT INTO smslink_optout (number, since)
			SELECT value, ` + now + `
			FROM json_each(?)
			WHERE true
			ON CONFLICT (number) DO NOTHING`,
		optIn:    "DELETE FROM smslink_optout WHERE number IN (SELECT value FROM json_each(?))",
		drop:     "DELETE FROM smslink_message WHERE id IN (SELECT value FROM json_each(?))",
		joinKeys: "(SELECT value AS k FROM json_each(?)) AS x CROSS JOIN", // in this order
		results:  "(SELECT value->>'m' AS m, value->>'s' AS s, value->>'r' AS r FROM json_each(?)) AS x",
		report: `
			INSERT INTO smslink_report (remote, delivered, reported, came)
			VALUES (?, ?, ?, ` + now + `)
			ON CONFLICT (remote) DO UPDATE
			SET delivered = excluded.delivered, reported = excluded.reported
			WHERE excluded.reported >= smslink_report.reported`,
		ignore:   " ON CONFLICT DO NOTHING",
		messages: 1_000, // the claim of 10,000 keeps other writers waiting for a quarter of a second
	}
}

// MySQL is MySQL 8.0 or later. It has not been run on MySQL's own server during development; the
// repository's workflow runs the conformance tests on MySQL 8.4. Its statements are checked with a
// parser of MySQL 8's grammar, and those that it shares with [MariaDB] are run on MariaDB. Run
// package outboxtest on your MySQL server first.
var MySQL = mysql("@@server_uuid")

// MariaDB is MariaDB 10.6 or later. It has no identity that a replica does not copy except
// server_id: give each server its own.
var MariaDB = mysql("@@server_id")

func mysql(epoch string) *Dialect {
	const (
		// UNIX_TIMESTAMP repeats an hour each autumn.
		now = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
		// Without these MariaDB alters what the connection's character set lacks.
		parameter = "CONVERT(? USING utf8mb4)"
		text      = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH "
		ids       = "JSON_TABLE(" + parameter + ", '$[*]' COLUMNS (k BIGINT PATH '$')) AS x"
		keys      = "JSON_TABLE(" + parameter + ", '$[*]' COLUMNS (k VARCHAR(100) " + text + "'$')) AS x"
	)
	return &Dialect{
		name: "mysql",
		now:  now,
		state: now + `,
			CAST(` + epoch + ` AS CHAR),
			CASE WHEN @@innodb_flush_log_at_trx_commit <> 1
				THEN 'innodb_flush_log_at_trx_commit other than 1'
				WHEN @@log_bin AND @@sync_binlog <> 1
				THEN 'sync_binlog other than 1'
				ELSE '' END,
			CASE WHEN COALESCE(@@character_set_results, 'utf8mb4') <> 'utf8mb4'
				THEN 'a character_set_results other than utf8mb4'
				ELSE '' END`,
		session: `
			CASE WHEN @@autocommit = 0 THEN 'autocommit = 0'
				WHEN @@sql_safe_updates THEN 'sql_safe_updates'
				WHEN FIND_IN_SET('ORACLE', @@sql_mode) THEN 'sql_mode ORACLE'
				WHEN FIND_IN_SET('EMPTY_STRING_IS_NULL', @@sql_mode) THEN 'sql_mode EMPTY_STRING_IS_NULL'
				ELSE '' END`,
		enqueue: `
			INSERT INTO smslink_message
				(message_key, lane, receiver, sender, body, send_at, due, ends, enqueued, trace)
			SELECT k, l, t, f,
				CASE WHEN LENGTH(CONCAT(t, f, b)) = z AND CHAR_LENGTH(CONCAT(t, f, b)) = y THEN b
					ELSE CAST(18446744073709551615 + LENGTH(CONCAT('` + altered + `', COALESCE(b, ''))) AS CHAR) END,
				s, greatest(n, ` + now + `),
				CASE WHEN e > 0 THEN ` + now + ` + e ELSE 9223372036854775807 END,
				` + now + `, c
			FROM JSON_TABLE(` + parameter + `, '$[*]' COLUMNS (
				k VARCHAR(100) ` + text + `'$.k',
				l VARCHAR(32) ` + text + `'$.l',
				t VARCHAR(64) ` + text + `'$.t',
				f VARCHAR(64) ` + text + `'$.f',
				b MEDIUMTEXT ` + text + `'$.b',
				s BIGINT PATH '$.s',
				n BIGINT PATH '$.n',
				e BIGINT PATH '$.e',
				c VARCHAR(64) ` + text + `'$.c',
				z BIGINT PATH '$.z',
				y BIGINT PATH '$.y'
			)) AS x
			ORDER BY k
			ON DUPLICATE KEY UPDATE smslink_message.id = smslink_message.id`,
		// IN would read the whole table, and so would a join until the table's statistics are made.
		take: `
			UPDATE ` + ids + `
			STRAIGHT_JOIN smslink_message FORCE INDEX (PRIMARY) ON smslink_message.id = x.k
			SET %s
			WHERE %s`,
		takeKeys: `
			UPDATE ` + keys + `
			STRAIGHT_JOIN smslink_message FORCE INDEX (message_key) ON smslink_message.message_key = x.k
			SET %s
			WHERE %s`,
		takeReceivers: `
			UPDATE ` + keys + `
			STRAIGHT_JOIN smslink_message FORCE INDEX (smslink_message_receiver) ON smslink_message.receiver = x.k
			SET %s
			WHERE %s`,
		optOut: `
			INSERT INTO smslink_optout (number, since)
			SELECT k, ` + now + `
			FROM ` + keys + `
			ORDER BY k
			ON DUPLICATE KEY UPDATE smslink_optout.number = smslink_optout.number`,
		optIn: `
			DELETE smslink_optout
			FROM ` + keys + `
			STRAIGHT_JOIN smslink_optout FORCE INDEX (PRIMARY) ON smslink_optout.number = x.k`,
		drop: `
			DELETE smslink_message
			FROM ` + ids + `
			STRAIGHT_JOIN smslink_message FORCE INDEX (PRIMARY) ON smslink_message.id = x.k`,
		joinKeys: keys + " STRAIGHT_JOIN",
		results: `
			JSON_TABLE(` + parameter + `, '$[*]' COLUMNS (
				m BIGINT PATH '$.m',
				s BIGINT PATH '$.s',
				r VARCHAR(128) ` + text + `'$.r'
			)) AS x`,
		report: `
			INSERT INTO smslink_report (remote, delivered, reported, came)
			VALUES (?, ?, ?, ` + now + `)
			ON DUPLICATE KEY UPDATE
				delivered = CASE WHEN VALUES(reported) >= reported THEN VALUES(delivered) ELSE delivered END,
				reported = greatest(reported, VALUES(reported))`,
		queueIndex:    " FORCE INDEX (smslink_message_queue)",
		receiverIndex: " FORCE INDEX (smslink_message_receiver)",
		skipLocked:    " FOR UPDATE SKIP LOCKED",
		ignore:        " ON DUPLICATE KEY UPDATE smslink_package.id = smslink_package.id",
		isolation:     sql.LevelReadCommitted,
		messages:      10_000,
	}
}
