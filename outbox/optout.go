package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-smslink/smslink"
)

// OptOut records in tx that numbers want no more messages, and ends those that are queued to them
// as [OptedOut], except in lanes that ignore opt-outs. It returns how many numbers had not opted
// out before. What is enqueued later ends when it would be claimed, and so does what is queued in a
// lane that this Outbox's Options do not name. A message that was claimed before is sent.
//
// Numbers may have any form that [smslink.E164] takes, and its error is returned for any other.
// Opt-outs are kept until [Outbox.OptIn].
func (o *Outbox) OptOut(ctx context.Context, tx Tx, numbers ...string) (added int, err error) {
	canonical, err := e164(numbers)
	if err != nil || len(numbers) == 0 {
		return 0, err
	}
	var lanes []string
	for _, name := range slices.Sorted(maps.Keys(o.lanes)) {
		if !o.lanes[name].IgnoreOptOuts {
			lanes = append(lanes, "'"+name+"'")
		}
	}
	return o.within(ctx, tx, 2, func(tx Tx) (int64, error) {
		n, err := o.execEach(ctx, tx, o.dialect.optOut, jsonArrays(canonical))
		if err != nil || len(lanes) == 0 {
			return n, err
		}
		take := fmt.Sprintf(o.dialect.takeReceivers, o.atEnd(optedOutPackage),
			isQueued+" AND lane IN ("+strings.Join(lanes, ", ")+")")
		_, err = o.execEach(ctx, tx, take, jsonArrays(wireForms(canonical)))
		return n, err
	})
}

// OptIn removes the opt-outs of the given numbers in tx and returns how many it removed. Messages
// that ended because of an opt-out are not queued again.
func (o *Outbox) OptIn(ctx context.Context, tx Tx, numbers ...string) (removed int, err error) {
	canonical, err := e164(numbers)
	if err != nil || len(numbers) == 0 {
		return 0, err
	}
	parameters := jsonArrays(canonical)
	return o.within(ctx, tx, len(parameters), func(tx Tx) (int64, error) {
		return o.execEach(ctx, tx, o.dialect.optIn, parameters)
	})
}

// OptedOut returns the given numbers that have opted out, in the form in which they were given. q
// is a *sql.Tx, *sql.DB or *sql.Conn.
func (o *Outbox) OptedOut(ctx context.Context, q interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, numbers ...string) ([]string, error) {
	canonical, err := e164(numbers)
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	out, err := o.optedOut(ctx, q, canonical)
	var given []string
	for i, number := range canonical {
		if out[number] {
			given = append(given, numbers[i])
		}
	}
	return given, err
}

// optedOut returns those numbers in E.164 form that have opted out.
func (o *Outbox) optedOut(ctx context.Context, q rowsQuerier, numbers []string) (map[string]bool, error) {
	out := map[string]bool{}
	query := `
		SELECT o.number
		FROM ` + o.dialect.joinKeys + ` smslink_optout o ON o.number = x.k`
	for _, array := range jsonArrays(numbers) {
		numbers, err := column[string](ctx, o, q, query, array)
		if err != nil {
			return nil, err
		}
		for _, number := range numbers {
			out[number] = true
		}
	}
	return out, nil
}

// endOptedOut ends those of a claim's messages whose receivers have opted out, and takes them out
// of its package.
func (o *Outbox) endOptedOut(ctx context.Context, tx *sql.Tx, c *claim) (ended int, err error) {
	if o.lanes[c.lane].IgnoreOptOuts || len(c.ids) == 0 {
		return 0, nil
	}
	receivers := c.receivers
	c.receivers = nil // the claim may be kept for an hour: see recent
	out, err := o.optedOut(ctx, tx, receivers)
	if err != nil || len(out) == 0 {
		return 0, err
	}
	var ids []int64
	kept := 0
	for i, id := range c.ids {
		if out[receivers[i]] {
			ids = append(ids, id)
			c.pkg.Remove(id)
			continue
		}
		c.ids[kept], c.keys[kept], c.enqueued[kept] = id, c.keys[i], c.enqueued[i]
		kept++
	}
	c.ids, c.keys, c.enqueued = c.ids[:kept], c.keys[:kept], c.enqueued[:kept]
	_, err = o.updateMessages(ctx, tx, ids, o.atEnd(optedOutPackage), isQueued)
	return len(ids), err
}

// e164 returns numbers in the one form that E.164 has for them.
func e164(numbers []string) ([]string, error) {
	canonical := make([]string, len(numbers))
	for i, number := range numbers {
		var err error
		if canonical[i], err = smslink.E164(number); err != nil {
			return nil, fmt.Errorf("%w (numbers[%d])", err, i)
		}
	}
	return canonical, nil
}

// wireForms returns each form in which a message may have a number as its receiver.
func wireForms(canonical []string) []string {
	var forms []string
	for _, number := range canonical {
		forms = append(forms, "00"+number[1:])
		if national, ok := strings.CutPrefix(number, "+40"); ok {
			forms = append(forms, "0"+national)
		}
	}
	return forms
}
