package smslinktest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func ExampleGateway() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()

	var pkg smslink.Package
	if err := pkg.Add(smslink.Message{ID: 1, To: "+40 712 345 678", Text: "Salut;\nce faci?"}); err != nil {
		log.Fatal(err)
	}
	if _, err := gateway.Client().Send(context.Background(), &pkg); err != nil {
		log.Fatal(err)
	}
	for _, m := range gateway.Messages() {
		fmt.Printf("%s %q as %s in package %s\n", m.To, m.Text, m.RemoteID, m.PackageID)
	}
	// Output:
	// 0040712345678 "Salut;\nce faci?" as 220000001 in package 1001
}
