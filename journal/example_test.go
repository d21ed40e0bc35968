package journal_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
)

// A program was killed while messages were on their way. The account's reports say that one of them
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

// killed leaves the journal of a program that was killed.
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
