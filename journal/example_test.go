package journal_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
	"github.com/go-smslink/smslink/smslinktest"
)

// A program was killed while it sent. The second run sends the rest.
func ExampleOpen() {
	gateway := smslinktest.NewGateway(nil) // in place of the live one
	defer gateway.Close()
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	run := func(customers ...string) error {
		j, err := journal.Open(filepath.Join(folder, "november.journal")) // one for each campaign
		if err != nil {
			return err
		}
		defer func() { _ = j.Close() }()
		messages := func(yield func(smslink.Message, error) bool) {
			for id, to := range customers { // the same ids in every run
				if !yield(smslink.Message{ID: int64(id), To: to, Text: "Aveți o factură neachitată."}, nil) {
					return
				}
			}
		}
		stream := gateway.Client().Stream(messages, &smslink.StreamOptions{Journal: j})
		for batch := range stream.Batches(context.Background()) {
			for result, err := range batch.Results() {
				fmt.Println(result.ID, smslink.OutcomeOf(err))
			}
		}
		return stream.Err()
	}
	for _, customers := range [][]string{{"0712345678", "0723456789"}, {"0712345678", "0723456789", "0734567890"}} {
		if err := run(customers...); err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(gateway.Messages()), "messages arrived")
	}
	// Output:
	// 0 accepted
	// 1 accepted
	// 2 messages arrived
	// 2 accepted
	// 0 accepted
	// 1 accepted
	// 3 messages arrived
}

// A program was killed while it sent. The account's reports say that one of the messages in doubt
// was sent.
func ExampleFile_Resolve() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "november.journal")
	killed(path)

	j, err := journal.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	for _, doubt := range j.InDoubt() {
		fmt.Println(doubt.ID, "is in doubt")
	}
	sent := []smslink.Result{{ID: 1, Status: smslink.StatusSuccess}}
	notSent := []int64{2}
	if err := j.Resolve(sent, notSent, "Ana", "the account's reports of 24 November"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(j.InDoubt()), "in doubt,", len(j.Resolutions()), "resolution by", j.Resolutions()[0].By)
	if err := j.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 is in doubt
	// 2 is in doubt
	// 0 in doubt, 1 resolution by Ana
}

// killed writes the journal of a program that was killed.
func killed(path string) {
	j, err := journal.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	if err := j.Intend(context.Background(), []int64{1, 2}); err != nil {
		log.Fatal(err)
	}
	if err := j.Close(); err != nil {
		log.Fatal(err)
	}
}
