// Command start sends one SMS and prints its outcome.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/go-smslink/smslink"
)

func main() {
	client, err := smslink.NewClient(os.Getenv("SMSLINK_CONNECTION_ID"), os.Getenv("SMSLINK_PASSWORD"),
		&smslink.Options{Endpoint: os.Getenv("SMSLINK_ENDPOINT")}) // if unset: the live gateway
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.SendMessage(context.Background(), smslink.Message{
		To: "0712345678", Text: "Codul dvs. este 4829.",
	})
	switch {
	case err == nil:
		fmt.Println("accepted:", result.RemoteID) // keep it: the delivery report names it
	case smslink.SafeToResend(err):
		fmt.Println("not taken:", err) // remove the cause, then send again
	default:
		fmt.Println("perhaps taken:", err) // check the account's reports before sending again
	}
}
