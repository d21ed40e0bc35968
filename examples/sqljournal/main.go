// Command sqljournal sends a stream whose journal is a table of the program's own database. See
// journal.go for the table.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func main() {
	folder, err := os.MkdirTemp("", "sqljournal")
	if err != nil {
		log.Fatal(err)
	}
	err = run(context.Background(), os.Stdout, folder)
	_ = os.RemoveAll(folder)
	if err != nil {
		log.Fatal(err)
	}
}

// run sends the same messages twice. The first time, the reply to the second package is lost.
func run(ctx context.Context, out io.Writer, folder string) error {
	db, err := sql.Open("sqlite", filepath.Join(folder, "shop.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	messages := func(yield func(smslink.Message, error) bool) {
		for id := range int64(750) {
			if !yield(smslink.Message{ID: id, To: "0712345678", Text: "Aveți o factură neachitată."}, nil) {
				return
			}
		}
	}

	gateway := smslinktest.NewGateway(nil) // in place of the live one
	defer gateway.Close()
	gateway.Inject(smslinktest.Fault{}, smslinktest.LoseReply())
	for range 2 {
		stream := gateway.Client().Stream(messages, &smslink.StreamOptions{MaxMessages: 200, Journal: table{db}})
		for batch := range stream.Batches(ctx) {
			if batch.Err != nil {
				fmt.Fprintln(out, batch.Package.Len(), "messages:", batch.Err)
			}
		}
		if err := stream.Err(); err != nil {
			return err
		}
		stats := stream.Stats()
		fmt.Fprintln(out, "accepted", stats.Accepted, "in doubt", stats.InDoubt, "known from earlier", stats.Earlier)
	}
	fmt.Fprintln(out, len(gateway.Messages()), "messages arrived")
	return nil
}
