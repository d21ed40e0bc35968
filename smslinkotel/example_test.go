package smslinkotel_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinkotel"
	"github.com/go-smslink/smslink/smslinktest"
)

// The spans and metrics of a client go to the program's global providers.
func ExampleNew() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()

	telemetry, err := smslinkotel.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{
		Endpoint: gateway.URL, // leave it out for the live gateway
		Tracer:   telemetry,
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.SendMessage(context.Background(), smslink.Message{To: "0712345678", Text: "Codul este 4829."})
	fmt.Println(result.Status, err)
	// Output: success <nil>
}
