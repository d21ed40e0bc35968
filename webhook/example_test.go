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
