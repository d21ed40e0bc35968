package webhook_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/go-smslink/smslink/webhook"
)

func ExampleReports() {
	secret := "a-secret-of-16-characters-or-more" // rather crypto/rand.Text's, from the program's settings
	handler, err := webhook.Reports(secret, func(_ context.Context, r webhook.Report) error {
		fmt.Println(r.RemoteID, r.Delivered, r.Network()) // keep it: an error here is answered 500
		return nil
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/sms/reports/{secret}", handler)

	server := httptest.NewServer(mux) // in place of one with https
	defer server.Close()
	gateway := smslinktest.NewGateway(&smslinktest.Options{
		Reports: &smslinktest.Reports{URL: server.URL + "/sms/reports/" + secret, Optional: true},
	})
	defer gateway.Close()
	var pkg smslink.Package
	if err := pkg.Add(smslink.Message{ID: 1, To: "0712345678", Text: "Salut!"}); err != nil {
		log.Fatal(err)
	}
	if _, err := gateway.Client().Send(context.Background(), &pkg); err != nil {
		log.Fatal(err)
	}
	if err := gateway.WaitReports(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 220000001 true Vodafone
}

// A program keeps its own list of numbers that want no more messages.
func ExampleUnsubscriptions() {
	stopped := map[string]bool{} // in a program, a table
	secret := "a-secret-of-16-characters-or-more"
	handler, err := webhook.Unsubscriptions(secret, func(_ context.Context, u webhook.Unsubscription) error {
		number, err := smslink.E164(u.From)
		if err != nil {
			return err // answered 500: it comes twice more, and the log says so
		}
		stopped[number] = true
		return nil
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/sms/unsubscriptions/{secret}", handler)

	server := httptest.NewServer(mux) // in place of one with https
	defer server.Close()
	gateway := smslinktest.NewGateway(&smslinktest.Options{
		Webhooks: &smslinktest.Webhooks{Unsubscriptions: server.URL + "/sms/unsubscriptions/" + secret},
	})
	defer gateway.Close()
	if err := gateway.Unsubscribe(context.Background(), "0712345678", "STOP"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(stopped)
	// Output:
	// map[+40712345678:true]
}

// A program answers with an empty body, so that no SMS is sent back and billed.
func ExampleReplies() {
	secret := "a-secret-of-16-characters-or-more"
	handler, err := webhook.Replies(secret, func(_ context.Context, r webhook.Reply) error {
		fmt.Printf("%s: %q\n", r.From, r.Text)
		return nil
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(handler) // in place of one with https
	defer server.Close()
	gateway := smslinktest.NewGateway(&smslinktest.Options{
		Webhooks: &smslinktest.Webhooks{Replies: server.URL + "/" + secret},
	})
	defer gateway.Close()
	answer, err := gateway.Reply(context.Background(), "0712345678", "La ce oră închideți?")
	fmt.Printf("%q %v\n", answer, err)
	// Output:
	// 0712345678: "La ce oră închideți?"
	// "" <nil>
}
