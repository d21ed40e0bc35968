package smslinktest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// A reply that is lost leaves the message in doubt, and the ledger shows whether it was taken.
func ExampleGateway() {
	ctx := context.Background()
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.Inject(smslinktest.LoseReply()) // the first upload is taken, and its reply is lost

	_, err := gateway.Client().SendMessage(ctx, smslink.Message{To: "0712345678", Text: "Salut!"})
	fmt.Println(smslink.OutcomeOf(err), smslink.SafeToResend(err))
	fmt.Println(len(gateway.Messages()), "message arrived")
	// Output:
	// in doubt false
	// 1 message arrived
}

// order is an order in a shop's backend.
type order struct {
	id    int64
	phone string
	sms   string // queued, sent, failed or in doubt
}

// notifyShipped notifies the customer of each order once, and records the outcome of each SMS. It
// returns an error if a person should look into it.
func notifyShipped(ctx context.Context, client *smslink.Client, orders []*order) error {
	var pkg smslink.Package
	byID := map[int64]*order{}
	for _, o := range orders {
		if o.sms != "queued" {
			continue
		}
		if err := pkg.Add(smslink.Message{ID: o.id, To: o.phone, Text: "Comanda dvs. a fost expediată."}); err != nil {
			o.sms = "failed"
			continue
		}
		byID[o.id] = o
	}
	if pkg.Len() == 0 {
		return nil
	}
	resp, err := client.Send(ctx, &pkg)
	if err != nil {
		if smslink.OutcomeOf(err) == smslink.OutcomeInDoubt {
			for _, o := range byID {
				o.sms = "in doubt"
			}
		}
		return err // not sent and rejected stay queued
	}
	for _, result := range resp.Results {
		switch result.Status {
		case smslink.StatusSuccess:
			byID[result.ID].sms = "sent"
		case smslink.StatusUnreported:
			byID[result.ID].sms = "in doubt"
		default:
			byID[result.ID].sms = "failed"
		}
	}
	return nil
}

// A unit test checks a backend's function, notifyShipped, for each way in which a send can end, and
// that no customer gets an SMS twice. In a test, log.Fatal would be t.Fatal.
func Example() {
	gateway := smslinktest.NewGateway(&smslinktest.Options{
		Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000002")},
	})
	defer gateway.Close()
	client := gateway.Client()
	ctx := context.Background()

	for _, step := range []struct {
		name  string
		fault smslinktest.Fault
	}{
		{"no credit", smslinktest.Reject("8", "no credit")},
		{"one message not mentioned", smslinktest.OmitEntries(3)},
		{"the reply is lost", smslinktest.LoseReply()},
	} {
		gateway.Reset()
		gateway.Inject(step.fault)
		orders := []*order{{1, "0700000001", "queued"}, {2, "0700000002", "queued"}, {3, "0700000003", "queued"}}
		_ = notifyShipped(ctx, client, orders)
		fmt.Printf("%s: %s, %s, %s\n", step.name, orders[0].sms, orders[1].sms, orders[2].sms)

		// The job runs again, and the gateway works.
		if err := notifyShipped(ctx, client, orders); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("  and once more: %s, %s, %s\n", orders[0].sms, orders[1].sms, orders[2].sms)
		seen := map[string]bool{}
		for _, m := range gateway.Messages() {
			if seen[m.To] {
				log.Fatal("a customer got it twice: ", m.To)
			}
			seen[m.To] = true
		}
	}
	// Output:
	// no credit: queued, queued, queued
	//   and once more: sent, failed, sent
	// one message not mentioned: sent, failed, in doubt
	//   and once more: sent, failed, in doubt
	// the reply is lost: in doubt, in doubt, in doubt
	//   and once more: in doubt, in doubt, in doubt
}
