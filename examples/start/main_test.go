package main

import (
	"os"

	"github.com/go-smslink/smslink/smslinktest"
)

func Example() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.Inject(smslinktest.Fault{}, smslinktest.Reject("8", "no credit"), smslinktest.LoseReply())
	for name, value := range map[string]string{
		"SMSLINK_CONNECTION_ID": gateway.ConnectionID, "SMSLINK_PASSWORD": gateway.Password, "SMSLINK_ENDPOINT": gateway.URL,
	} {
		_ = os.Setenv(name, value)
	}
	for range 3 {
		main()
	}
	// Output:
	// accepted: 220000001
	// not taken: smslink: rejected: the gateway answered with ERROR 8: no credit
	// perhaps taken: smslink: in doubt: the connection ended before the reply did (EOF)
}
