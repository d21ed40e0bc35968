package smslink

import "context"

// Journal records, for each local message id, whether its message may be sent. An id is in one of
// three states:
//
//   - new: nothing is recorded of it, and its message may be sent;
//   - in doubt: its package was about to be uploaded, and nothing more is recorded;
//   - it has a result: the message was accepted, or it failed.
//
// A [Stream] calls Intend before it uploads a package. After the upload it calls Record with the
// results of the messages that were accepted or failed, and with the ids of those that were
// rejected, not sent, or failed for want of credit: these are new again. The others stay in doubt.
//
// A Journal knows ids, not texts: a message with a recorded id is skipped even if its text differs.
// So use a Journal for one campaign, and give a message the same id in every run. Package journal
// keeps a Journal in a file. In a database, it is a table of id, status and remote id, with the id
// as the key.
//
// Goroutines call a Journal concurrently, and several streams may share one: only one of them can
// intend an id. Changes must be durable when a call returns. The contexts carry the values of the
// stream's context, but are never done. An error stops the stream.
type Journal interface {
	// Known returns the recorded results for the given ids, with [StatusUnreported] for those in
	// doubt. Ids with no record are omitted.
	//
	// Known must still work after another call has failed, for example because a disk is full. It
	// omits the ids of a failed Intend, since they were not uploaded. But if the journal can't tell
	// whether another stream has intended them, it returns them as in doubt.
	Known(ctx context.Context, ids []int64) ([]Result, error)

	// Intend puts ids in doubt, all of them or none. It is an error if one of them is not new. Only
	// a nil error allows the upload. After an error the stream calls Known once more, since another
	// stream may have intended the ids first. Messages whose ids Known omits are not sent.
	Intend(ctx context.Context, ids []int64) error

	// Record records the results of ids in doubt, and makes the ids in notSent new. If it fails and
	// there were results, the stream calls it once more at its end, with the same results and
	// without notSent: the failed call may have taken effect, and another stream may have intended
	// those ids since.
	Record(ctx context.Context, results []Result, notSent []int64) error
}
