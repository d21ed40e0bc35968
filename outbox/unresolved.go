package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
)

// Unresolved is a package that waits for a person: it is in doubt, in whole or in part, or it was
// rejected, or what its worker recorded contradicts a person's verdict. See [Outbox.Resolve].
type Unresolved struct {
	Package  string // its name
	State    State  // InDoubt or Rejected
	Lane     string
	Worker   string // the process that claimed it: host, process id and a random part
	Messages int    // that are in doubt or were rejected
	Began    time.Time
	Why      string

	// Digest is the MD5 of its plain form in hex, as in the upload. It is empty if it was erased,
	// if the package was written back after a loss, or if a verdict has queued or abandoned its
	// messages.
	Digest string
}

// Unresolved returns the packages that wait for a person, the oldest first.
func (o *Outbox) Unresolved(ctx context.Context) ([]Unresolved, error) {
	var packages []Unresolved
	err := o.each(ctx, o.db, `
		SELECT token, state, lane, worker, COALESCE(in_doubt, messages), began,
			COALESCE(digest, ''), COALESCE(note, '')
		FROM smslink_package
		WHERE state IN (4, 5)
		ORDER BY began, id`, nil,
		func(scan func(...any) error) error {
			var u Unresolved
			var state int
			var began int64
			err := scan(&u.Package, &state, &u.Lane, &u.Worker, &u.Messages, &began, &u.Digest, &u.Why)
			u.State, u.Began = packageState(state), time.UnixMicro(began).UTC()
			packages = append(packages, u)
			return err
		})
	return packages, err
}

// UnresolvedMessage is a message that waits for a person.
type UnresolvedMessage struct {
	smslink.Message

	// Same is how often else a report may list that phone number with that text: the messages that
	// were sent, may have been or failed, besides those that wait in the same package, and the
	// earlier attempts, also of this message, that failed for want of credit. Texts that
	// [gsm7.AsSent] and [gsm7.Fold] make equal are the same. Messages that are erased don't count,
	// so a report should not reach further back than [Options].EraseAfter.
	Same int
}

// UnresolvedMessages returns the messages of a package that wait for a person, to look for them in
// the account's report. It returns [ErrResolved] if there are none.
func (o *Outbox) UnresolvedMessages(ctx context.Context, packageName string) ([]UnresolvedMessage, error) {
	var id int64
	var messages []UnresolvedMessage
	err := o.each(ctx, o.db, `
		SELECT p.id, m.id, m.receiver, m.sender, m.body, m.send_at
		FROM smslink_package p
		JOIN smslink_message m ON m.package = p.id
		WHERE p.token = ? AND p.state IN (4, 5)
		AND m.id NOT IN (SELECT message FROM smslink_result WHERE package = p.id AND status IN `+decided+`)
		ORDER BY m.id`, []any{packageName},
		func(scan func(...any) error) error {
			var m UnresolvedMessage
			var sendAt int64
			err := scan(&id, &m.ID, &m.To, &m.From, &m.Text, &sendAt)
			if sendAt > 0 {
				m.SendAt = time.Unix(sendAt, 0)
			}
			messages = append(messages, m)
			return err
		})
	if err != nil {
		return nil, err
	}
	if len(messages) == 0 {
		return nil, ErrResolved
	}
	return messages, o.countSame(ctx, id, messages)
}

// countSame sets Same of the messages that wait in a package.
func (o *Outbox) countSame(ctx context.Context, packageID int64, waiting []UnresolvedMessage) error {
	type sms struct{ number, text string }
	smsOf := func(to, text string) sms { // equal as by cmd/internal/evidence.SMSOf
		number, _ := smslink.E164(to) // empty if it is not a number; a claim refuses that
		return sms{number, strings.TrimSpace(gsm7.Fold(gsm7.AsSent(text)))}
	}
	numbers := map[string]bool{}
	for _, m := range waiting {
		numbers[smsOf(m.To, m.Text).number] = true
	}
	delete(numbers, "")
	const most = 10 // receivers of one query: a database would read its whole table for many
	query := `
		SELECT m.receiver, m.body, COALESCE(m.package, 0), (SELECT v.state FROM smslink_outbox v WHERE v.id = m.id),
			(SELECT COUNT(*) FROM smslink_result r WHERE r.message = m.id AND r.package <> COALESCE(m.package, 0))
		FROM smslink_message m` + o.dialect.receiverIndex + `
		WHERE m.receiver <> '' AND m.receiver IN (?` + strings.Repeat(", ?", most-1) + `)`
	same := map[sms]int{}
	for receivers := range slices.Chunk(wireForms(slices.Collect(maps.Keys(numbers))), most) {
		args := slices.Repeat([]any{""}, most)
		for i, receiver := range receivers {
			args[i] = receiver
		}
		err := o.each(ctx, o.db, query, args, func(scan func(...any) error) error {
			var to, text string
			var in int64
			var state State
			var earlier int // attempts
			err := scan(&to, &text, &in, &state, &earlier)
			if earlier > 0 {
				same[smsOf(to, text)] += earlier
			}
			switch {
			case in == packageID && state == InDoubt: // it waits
			case state == Accepted || state == Failed || state == Sending || state == InDoubt || state == Abandoned:
				same[smsOf(to, text)]++
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for i := range waiting {
		waiting[i].Same = same[smsOf(waiting[i].To, waiting[i].Text)]
	}
	return nil
}

// Verdict is what a person has found out about a package's messages.
type Verdict int

// The verdicts.
const (
	VerdictSent    Verdict = iota + 1 // they were sent, and count as accepted
	VerdictNotSent                    // they are queued again; if the verdict is wrong, they are sent twice
	VerdictAbandon                    // they are never sent again, whether or not they were sent
)

// String returns "sent", "not sent" or "abandon".
func (v Verdict) String() string {
	if v < VerdictSent || v > VerdictAbandon {
		return fmt.Sprintf("verdict %d", int(v))
	}
	return [...]string{"sent", "not sent", "abandon"}[v-1]
}

// Resolution is what a person has found out about a package. It is kept.
type Resolution struct {
	// Results are the gateway's results for some of the messages in doubt, identified by ID, for
	// example from the account's report: see [Outbox.UnresolvedMessages].
	Results []smslink.Result

	// Verdict applies to the messages that are in doubt or were rejected, except those in Results.
	// With Results it may be 0: the other messages stay in doubt.
	Verdict Verdict

	By, Reason string // must not be empty
}

// Errors of [Outbox.Resolve].
var (
	ErrResolved = errors.New("smslink: no package of that name waits to be resolved")
	ErrTooSoon  = errors.New("smslink: the package may still be sent")
)

var errRecordedAsSent = errors.New("smslink: no message of the package is in doubt, and what was recorded as sent is " +
	"not queued again; enqueue it under another key if it must be sent")

var errUnsigned = errors.New("smslink: the name or the reason is empty")

// Resolve records a person's verdict on a package that is in doubt or was rejected.
//
// It returns [ErrResolved] if the package is not, or is no longer, waiting for a person. For
// VerdictNotSent it returns [ErrTooSoon] until twice its worker's [Options].Timeout after the
// package's deadline, unless the gateway has answered: until then the upload may still be in the
// network's hands. End the package's worker before you say VerdictNotSent, and look at the
// account's reports after that time: an earlier look may miss the upload. A client with a transport
// of [smslink.NewTransport] sends nothing after its deadline, even if it was frozen; another
// transport may still send.
//
// How the upload ended is kept if the worker records it after the verdict. If that contradicts the
// verdict or Results, an error is logged, and the package waits for a person again. Messages that
// were accepted after all and are still queued are then taken out of the queue. A message that a
// person or the gateway has recorded as sent is never queued again, and it is an error to say
// VerdictNotSent of a package that has no other messages.
func (o *Outbox) Resolve(ctx context.Context, packageName string, r Resolution) error {
	switch {
	case r.By == "" || r.Reason == "":
		return errUnsigned
	case r.Verdict == 0 && len(r.Results) > 0: // the other messages stay in doubt
	case r.Verdict < VerdictSent || r.Verdict > VerdictAbandon:
		return errors.New("smslink: the verdict is not VerdictSent, VerdictNotSent or VerdictAbandon")
	}
	return o.inTx(ctx, func(tx *sql.Tx) error {
		id, err := o.resolvable(ctx, tx, packageName, r.Verdict)
		if err != nil {
			return err
		}
		if err := o.lock(ctx, tx, "smslink_package", "token", packageName); err != nil {
			return err
		}
		waiting, err := o.undecidedOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Verdict == VerdictNotSent && len(waiting) == 0 {
			return errRecordedAsSent
		}
		left, err := o.recordFound(ctx, tx, id, waiting, r.Results)
		if err != nil {
			return err
		}
		if r.Verdict == 0 && left > 0 {
			_, err := o.exec(ctx, tx, `
				UPDATE smslink_package
				SET in_doubt = ?, resolved_by = ?, reason = ?
				WHERE id = ?`, left, r.By, r.Reason, id)
			return err
		}
		digest := ""
		if r.Verdict == VerdictNotSent || r.Verdict == VerdictAbandon {
			digest = noDigest
		}
		n, err := o.exec(ctx, tx, `
			UPDATE smslink_package
			SET state = 6, verdict = ?, ended = `+o.dialect.now+`, resolved_by = ?, reason = ?`+digest+`
			WHERE id = ? AND state IN (4, 5)`, int(r.Verdict), r.By, r.Reason, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrResolved
		}
		switch r.Verdict {
		case VerdictNotSent:
			if err := o.keepSent(ctx, tx, id); err != nil {
				return err
			}
			return o.setUndecided(ctx, tx, id, o.queued(0))
		case VerdictAbandon:
			if err := o.abandonElsewhere(ctx, tx, id); err != nil {
				return err
			}
			return o.setUndecided(ctx, tx, id, o.atEnd(abandonedPackage))
		case VerdictSent:
			return o.acceptUndecided(ctx, tx, id)
		default:
			return nil // each message had a result
		}
	})
}

// resolvable returns the id of a package that waits for a person, if the verdict is possible.
func (o *Outbox) resolvable(ctx context.Context, tx *sql.Tx, packageName string, v Verdict) (id int64, err error) {
	var began, deadline, now int64
	var worker string
	var answered bool
	err = tx.QueryRowContext(ctx, o.dialect.sql(`
		SELECT id, worker, began, deadline, `+o.dialect.now+`,
			CASE WHEN state = 4 OR remote IS NOT NULL OR late IS NOT NULL THEN 1 ELSE 0 END
		FROM smslink_package
		WHERE token = ? AND state IN (4, 5)`), packageName).
		Scan(&id, &worker, &began, &deadline, &now, &answered)
	timeout := (deadline - began) * 5 / 6 // the worker's: see insertPackage
	until := time.UnixMicro(deadline + 2*timeout)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, ErrResolved
	case err != nil:
		return 0, err
	case v == VerdictNotSent && !answered && now < until.UnixMicro():
		return 0, fmt.Errorf("%w; end its worker %s, and wait until %s",
			ErrTooSoon, worker, until.UTC().Format(time.RFC3339))
	}
	return id, nil
}

// recordFound records what a person has found out about some of the messages that wait, and returns
// how many are left in doubt.
func (o *Outbox) recordFound(
	ctx context.Context, tx *sql.Tx, packageID int64, waiting []int64, results []smslink.Result,
) (left int, err error) {
	inDoubt := make(map[int64]bool)
	for _, id := range waiting {
		inDoubt[id] = true
	}
	for _, r := range results {
		if undecided(r.Status) {
			return 0, fmt.Errorf("smslink: the status %d does not say what happened to message %d", r.Status, r.ID)
		}
		if !inDoubt[r.ID] {
			return 0, fmt.Errorf("smslink: message %d is not in doubt in this package", r.ID)
		}
		delete(inDoubt, r.ID)
		_, err := o.exec(ctx, tx, `
			DELETE FROM smslink_result
			WHERE message = ? AND package = ?`, r.ID, packageID)
		if err != nil {
			return 0, err
		}
	}
	return len(inDoubt), o.insertResults(ctx, tx, packageID, results)
}

// decided are the statuses that say what happened to a message. Any other leaves it in doubt.
const decided = "(1, 2, 3, 4, 5)"

// isUndecided is a condition for the messages of a package without a decided status. The package is
// a parameter that is given twice.
const isUndecided = `package = ?
		AND id NOT IN (SELECT message FROM smslink_result WHERE package = ? AND status IN ` + decided + `)`

// undecidedOf returns the ids of the messages of a package without a decided status.
func (o *Outbox) undecidedOf(ctx context.Context, tx *sql.Tx, packageID int64) ([]int64, error) {
	return column[int64](ctx, o, tx, `
		SELECT id
		FROM smslink_message
		WHERE `+isUndecided, packageID, packageID)
}

// setUndecided updates the messages of a package without a decided status.
func (o *Outbox) setUndecided(ctx context.Context, tx *sql.Tx, packageID int64, set string) error {
	_, err := o.exec(ctx, tx, `
		UPDATE smslink_message
		SET `+set+`
		WHERE `+isUndecided, packageID, packageID)
	return err
}

// abandonElsewhere abandons the messages that are in doubt in a package and now wait for a person
// in another one, whose worker has recorded the end. See [Outbox.restore].
func (o *Outbox) abandonElsewhere(ctx context.Context, tx *sql.Tx, packageID int64) error {
	const elsewhere = `
		FROM smslink_result r
		JOIN smslink_message m ON m.id = r.message
		JOIN smslink_package p ON p.id = m.package
		LEFT JOIN smslink_result other ON other.message = m.id AND other.package = m.package
			AND other.status IN ` + decided + `
		WHERE r.package = ? AND r.status NOT IN ` + decided + `
		AND p.id <> ? AND p.state IN (4, 5) AND p.ended IS NOT NULL AND other.message IS NULL`
	// ErasePerson would no longer find these packages.
	if err := o.eraseDigests(ctx, tx, "SELECT DISTINCT p.id"+elsewhere, packageID, packageID); err != nil {
		return err
	}
	ids, err := column[int64](ctx, o, tx, "SELECT m.id"+elsewhere, packageID, packageID)
	if err != nil {
		return err
	}
	_, err = o.updateMessages(ctx, tx, ids, o.atEnd(abandonedPackage), "package > 0")
	return err
}

// acceptUndecided records the messages of a package without a decided status as accepted.
func (o *Outbox) acceptUndecided(ctx context.Context, tx *sql.Tx, packageID int64) error {
	if _, err := o.exec(ctx, tx, `
		UPDATE smslink_result
		SET status = 3
		WHERE package = ? AND status NOT IN `+decided, packageID); err != nil {
		return err
	}
	_, err := o.exec(ctx, tx, `
		INSERT INTO smslink_result (message, package, status)
		SELECT id, package, 3
		FROM smslink_message
		WHERE package = ?
		AND id NOT IN (SELECT message FROM smslink_result WHERE package = ?)`,
		packageID, packageID)
	return err
}
