package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
	"github.com/go-smslink/smslink/journal"
	"github.com/go-smslink/smslink/smslinktest"
)

// A client, a package, and a result for each message.
func ExampleClient_Send() {
	gateway := smslinktest.NewGateway(nil) // in place of the live one
	defer gateway.Close()

	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{
		Endpoint: gateway.URL, // leave it out for the live gateway
	})
	if err != nil {
		log.Fatal(err)
	}

	var pkg smslink.Package // the zero value is ready
	for _, m := range []smslink.Message{
		{ID: 1, To: "0712345678", Text: "Comanda dvs. a fost expediată."},
		{ID: 2, To: "+40723456789", From: smslink.SenderNumeric, Text: "Salut!\nNe vedem mâine la 9:30."},
	} {
		if err := pkg.Add(m); err != nil {
			log.Print(err) // names the message, the field and the reason; the package is unchanged
		}
	}

	resp, err := client.Send(context.Background(), &pkg)
	if err != nil {
		log.Fatal(err) // smslink.OutcomeOf(err): not sent, rejected or in doubt
	}
	for _, r := range resp.Results {
		fmt.Println(r.ID, r.Status, r.RemoteID)
	}
	// Output:
	// 1 success 220000001
	// 2 success 220000002
}

// A program can count what a campaign will cost, and what folding saves, before it sends anything.
func Example_cost() {
	text := "Stimate client, comanda dvs. a fost expediată și ajunge mâine, între orele 9 și 12. Vă mulțumim!"
	const price = 0.20               // of one SMS, by your contract
	folded := gsm7.FoldIfFewer(text) // ă, ș and the like become a, s if that saves an SMS
	for _, text := range []string{text, folded} {
		sms := gsm7.Measure(text).Segments
		fmt.Printf("%d SMS, %.2f lei\n", sms, float64(sms)*price)
	}
	// Output:
	// 2 SMS, 0.40 lei
	// 1 SMS, 0.20 lei
}

// A handler that texts a code. The SMS outlives the request: a browser that hangs up must not put
// it in doubt.
func ExampleClient_SendMessage() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	client := gateway.Client()
	request := httptest.NewRequest(http.MethodPost, "/login", nil)

	ctx, cancel := context.WithTimeout(context.WithoutCancel(request.Context()), time.Minute)
	defer cancel()
	result, err := client.SendMessage(ctx, smslink.Message{To: "0712345678", Text: "Codul dvs. este 4829."})
	switch {
	case err == nil:
		fmt.Println("accepted:", result.RemoteID) // keep the remote id: the delivery report names it
	case smslink.SafeToResend(err):
		fmt.Println("not taken:", err) // remove the cause, then send again
	default:
		fmt.Println("perhaps taken:", err) // check the account's reports before sending again
	}
	// Output: accepted: 220000001
}

func ExampleSafeToResend() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.Inject(smslinktest.Reject("8", "no credit"), smslinktest.LoseReply())
	client := gateway.Client()

	for range 2 {
		_, err := client.SendMessage(context.Background(), smslink.Message{To: "0712345678", Text: "Salut!"})
		fmt.Println(smslink.SafeToResend(err), err)
	}
	// Output:
	// true smslink: rejected: the gateway answered with ERROR 8: no credit
	// false smslink: in doubt: the connection ended before the reply did (EOF)
}

func ExampleOutcomeOf() {
	gateway := smslinktest.NewGateway(nil)
	gateway.Close() // so that no one listens
	client := gateway.Client()
	ctx := context.Background()

	var pkg smslink.Package
	if err := pkg.Add(smslink.Message{ID: 1, To: "0712345678", Text: "Codul este 4829."}); err != nil {
		log.Fatal(err)
	}

	resp, err := client.Send(ctx, &pkg)
	if err == nil {
		fmt.Println("taken: keep the remote ids of", resp.Results)
		return
	}
	switch smslink.OutcomeOf(err) {
	case smslink.OutcomeNotSent:
		fmt.Println("nothing was sent: send the same package again, later")
	case smslink.OutcomeRejected:
		fmt.Println("refused: remove the cause, then send the same package again")
	case smslink.OutcomeInDoubt:
		fmt.Println("perhaps taken: check the account's reports before you send it again")
	}
	// Output:
	// nothing was sent: send the same package again, later
}

// The messages that the gateway certainly did not take are sent again, once their cause is removed.
func ExampleResponse_Err() {
	gateway := smslinktest.NewGateway(&smslinktest.Options{
		Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0799999999")},
	})
	defer gateway.Close()
	client := gateway.Client()

	var pkg smslink.Package
	for id, to := range []string{"0712345678", "0799999999", "0734567890"} {
		if err := pkg.Add(smslink.Message{ID: int64(id), To: to, Text: "Bună ziua!"}); err != nil {
			log.Fatal(err)
		}
	}
	resp, err := client.Send(context.Background(), &pkg)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Err())

	var again smslink.Package
	i := 0
	for m := range pkg.Messages() { // in the order of the Results
		if smslink.SafeToResend(resp.Results[i].Err()) {
			m.To = "0723456789" // someone has looked the number up
			if err := again.Add(m); err != nil {
				log.Fatal(err)
			}
		}
		i++
	}
	resp, err = client.Send(context.Background(), &again)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Results[0].ID, resp.Results[0].Status)
	// Output:
	// smslink: 1 of 3 messages failed or are in doubt: message 1: number failed: check the number
	// 1 success
}

func ExampleCodec() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()

	for _, codec := range []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecBZip2, smslink.CodecLZF} {
		pkg := smslink.Package{Codec: codec} // nil means the client's
		if err := pkg.Add(smslink.Message{ID: 1, To: "0712345678", Text: "Salut!"}); err != nil {
			log.Fatal(err)
		}
		resp, err := gateway.Client().Send(context.Background(), &pkg)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(codec, resp.Results[0].Status)
	}
	// Output:
	// none success
	// zlib success
	// bzip2 success
	// lzf success
}

func ExamplePackage_Add() {
	var pkg smslink.Package
	err := pkg.Add(smslink.Message{ID: 7, To: "0712345678", Text: "Reducere 20%3B doar azi"})
	fmt.Println(err)

	var invalid *smslink.MessageError
	if errors.As(err, &invalid) {
		fmt.Println(invalid.ID, invalid.Field, invalid.Err)
	}
	fmt.Println(pkg.Len())
	// Output:
	// smslink: message 7: Text holds a literal %0A or %3B, which the gateway would read as a line end or a semicolon; write the character itself
	// 7 Text holds a literal %0A or %3B, which the gateway would read as a line end or a semicolon; write the character itself
	// 0
}

func ExamplePackage_Reopen() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	client := gateway.Client()

	var pkg smslink.Package
	if err := pkg.Add(smslink.Message{ID: 1, To: "0712345678", Text: "Salut!"}); err != nil {
		log.Fatal(err)
	}
	_, err := client.Send(context.Background(), &pkg)
	fmt.Println(err)
	_, err = client.Send(context.Background(), &pkg)
	fmt.Println(err)

	pkg.Reopen() // the receiver gets it twice, and it is billed twice
	_, err = client.Send(context.Background(), &pkg)
	fmt.Println(err)
	// Output:
	// <nil>
	// smslink: the package was accepted before; Reset it for new messages, or Reopen it to send the same ones twice
	// <nil>
}

func ExampleClient_Stream() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	client := gateway.Client()

	customers := []string{"0712345678", "+40723456789", "723456789", "0734567890"}
	messages := func(yield func(smslink.Message, error) bool) { // or the rows of a database, one by one
		for id, to := range customers {
			if !yield(smslink.Message{ID: int64(id), To: to, Text: "Aveți o factură neachitată."}, nil) {
				return
			}
		}
	}

	opts := &smslink.StreamOptions{MaxMessages: 2}
	stream := client.Stream(messages, opts) // nil options: up to 10,000 messages in a package
	for batch := range stream.Batches(context.Background()) {
		for result, err := range batch.Results() { // every message, whatever happened to it
			if err != nil {
				fmt.Println(result.ID, smslink.OutcomeOf(err), err)
			} else {
				fmt.Println(result.ID, "accepted", result.RemoteID)
			}
		}
	}
	if err := stream.Err(); err != nil {
		fmt.Println(err) // why it stopped before the end
	}
	stats := stream.Stats()
	fmt.Println(stats.Accepted, "of", stats.Read, "accepted")
	fmt.Println(stats.InDoubt, "in doubt: look for them in the account's reports")
	// Output:
	// 0 accepted 220000001
	// 1 accepted 220000002
	// 3 accepted 220000003
	// 2 invalid smslink: message 2: To lacks its leading 0, as numbers in a spreadsheet do; write 07 and 8 digits
	// 3 of 4 accepted
	// 0 in doubt: look for them in the account's reports
}

// With a journal, the same input can be sent again: what was accepted or is in doubt is skipped.
func ExampleClient_Stream_journal() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	folder, err := os.MkdirTemp("", "campaign")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	messages := func(yield func(smslink.Message, error) bool) {
		for id := range int64(4) { // the same ids in every run
			if !yield(smslink.Message{ID: id, To: "0712345678", Text: "Aveți o factură neachitată."}, nil) {
				return
			}
		}
	}

	j, err := journal.Open(filepath.Join(folder, "november.journal")) // one for each campaign
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	opts := &smslink.StreamOptions{Journal: j}
	opts.MaxMessages = 1 // for several packages in this example
	gateway.Inject(smslinktest.Fault{}, smslinktest.LoseReply(), smslinktest.Reject("16", "error while sending"))
	for range 2 {
		stream := gateway.Client().Stream(messages, opts)
		for batch := range stream.Batches(context.Background()) {
			for result, err := range batch.Results() { // those of an earlier run, too
				fmt.Println(result.ID, smslink.OutcomeOf(err)) // in doubt: check the account's reports
			}
		}
		if err := stream.Err(); err != nil {
			log.Fatal(err) // why it stopped before the end
		}
	}
	fmt.Println(len(gateway.Messages()), "messages arrived")
	// Output:
	// 0 accepted
	// 1 in doubt
	// 2 rejected
	// 3 accepted
	// 0 accepted
	// 1 in doubt
	// 2 accepted
	// 3 accepted
	// 4 messages arrived
}

func ExampleClient_Balance() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.SetCredit(250)
	client := gateway.Client()

	balance, err := client.Balance(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(balance.National, "SMS left in Romania,", balance.International, "abroad")
	// Output:
	// 250 SMS left in Romania, 250 abroad
}
